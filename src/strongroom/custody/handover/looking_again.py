"""Looking again when a plan is due: it is computed anew, and only what both say goes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record
from strongroom.custody.aside.unfit import unfit_by_word
from strongroom.custody.claims import compare_indexes
from strongroom.custody.deletion.condemning import choose, note_unindexed, read_indexes, uncovered
from strongroom.custody.deletion.locks import listed_locks, older_than, see_locks
from strongroom.custody.deletion.needed import reinstate, rescue
from strongroom.custody.deletion.survey import survey
from strongroom.custody.incidents import Code
from strongroom.custody.indexed.names import true_indexes
from strongroom.custody.ledger import close_incident, is_frozen, open_incident
from strongroom.custody.planned.orders import ASIDE, FOLDERS, INDEXES, PACKS, SNAPSHOTS
from strongroom.custody.planned.packs import condemned_packs, stored_objects
from strongroom.custody.planning import make_plans
from strongroom.custody.reach import look_for_unreached
from strongroom.custody.rounds import last_look
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.spending.budget import RoundStep
from strongroom.custody.syncing import look
from strongroom.custody.verifying import verify_these, verify_unread
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.base.progress import Reporter
    from strongroom.custody.spending.budget import Spending
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.repository.opened import Repository


@record
class Again:
    """What goes now, by name with its folder; and why the rest, or all of it, stays for now."""

    names: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    """Of the locks that are listed, the judge's own."""


def see_all(
    state: State, lease: Lease, adopted: Adopted, repository: Repository, reporter: Reporter, spending: Spending
) -> None:
    """See and read what has arrived since the last round, and which indexes went, before anything goes.

    What no budget was left for stays unread: it makes nothing go that would stay else, and packs stay for it.
    """
    look(state, lease, adopted, repository.store, last_look(state, adopted, 1 << 60))
    verify_unread(state, lease, repository, spending.of(RoundStep.GO), lambda _done, _total: None)
    compare_indexes(state, lease, repository)
    look_for_unreached(state, lease, repository, reporter)


class LookingAgain:
    """The look at one repository, after everything that has arrived was seen and read."""

    def __init__(
        self, state: State, lease: Lease, adopted: Adopted, repository: Repository, reporter: Reporter
    ) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._repository = repository
        self._reporter = reporter

    def look(self, row: sa.Row[Any], names: Iterable[str]) -> Again:
        """What of a plan's ``names`` goes now."""
        if row.kind == ASIDE:  # an open incident is why it goes
            unfit = {str(name) for name in unfit_by_word(self._state, self._adopted.id)}
            return Again(tuple(name for name in names if name in unfit))
        with self._state.database.read() as connection:
            if is_frozen(connection, self._adopted.id):
                return Again((), ("an incident is open that freezes all deleting",))
        breakers = json.loads(row.body)["breakers"]
        if row.kind == SNAPSHOTS:
            return self._snapshots(row.number, names)
        if breakers and not row.approved:
            return Again((), tuple(breakers))
        if row.kind == INDEXES:
            return self._indexes(names)
        return self._packs(names) if row.kind == PACKS else self._purge(names)

    def _snapshots(self, number: int, names: Iterable[str]) -> Again:
        plans = make_plans(self._state, self._lease, self._adopted, self._state.clock.now_ns())
        now = next((one for one in plans if one.number == number), None)
        if now is None:
            return Again((), ("the policy keeps all that it named",))
        if now.breakers:
            return Again((), now.breakers)
        folder = FOLDERS[SNAPSHOTS]
        going = {f"{folder}{name}" for name in now.remove}
        return Again(tuple(name for name in names if name in going))

    def _indexes(self, names: Iterable[str]) -> Again:
        """Old index files go when every entry of theirs stands in another listed and true one, the condemned apart."""
        listed = stored_objects(self._state, self._adopted.id, Kind.INDEX)
        old = [name for name in (one.removeprefix("index/") for one in names) if name in listed]
        condemned = condemned_packs(self._state, self._adopted.id)
        held = set()
        with self._state.database.read() as connection:
            true = true_indexes(connection, self._adopted.id, without=old)
        for packs in read_indexes(self._repository, [name for name in true if name in listed]).values():
            held |= {(pack, blob.kind, blob.id, blob.offset) for pack, blobs in packs for blob in blobs}
        going, reasons = [], []
        for name, packs in read_indexes(self._repository, old).items():
            lost = [
                pack
                for pack, blobs in packs
                for blob in blobs
                if pack not in condemned and (pack, blob.kind, blob.id, blob.offset) not in held
            ]
            if lost:
                reasons.append(f"index/{name[:10]} alone names pack {lost[0][:10]}")
            else:
                going.append(f"index/{name}")
        see_locks(self._state, self._lease, self._repository)
        return Again(tuple(going), tuple(reasons), listed_locks(self._repository))

    def _packs(self, names: Iterable[str]) -> Again:
        state, adopted, repository = self._state, self._adopted, self._repository
        rescue(state, self._lease, repository, self._reporter, everything=True)
        # What a client's own index names again was needed by somebody: it stays.
        reinstate(state, self._lease, repository, note_unindexed(state, self._lease, repository))
        condemned = condemned_packs(state, adopted.id)
        going = [name for name in (one.removeprefix("data/") for one in names) if name in condemned]
        locks = see_locks(state, self._lease, repository)
        if going:
            waits = self._wait_for_locks(locks, max(condemned[name].unindexed_ns or 0 for name in going), condemned)
            if waits:
                return Again((), (waits,), tuple(sorted(locks)))
        found = survey(state, repository, self._reporter, going=condemned)
        obstacles = choose(state, adopted, found, state.clock.now_ns()).obstacles
        if obstacles:
            return Again((), obstacles, tuple(sorted(locks)))
        since = {name: condemned[name].since_ns for name in going}
        reasons, again = uncovered(state, repository, found, going, since)
        if again:
            verify_these(state, self._lease, repository, [ObjectName(Kind.DATA, name) for name in sorted(again)])
            found = survey(state, repository, self._reporter, going=condemned)
            reasons, _ = uncovered(state, repository, found, going, since)
        reinstate(state, self._lease, repository, reasons)
        words = tuple(f"data/{name[:10]} stays: {why}" for name, why in sorted(reasons.items()))
        return Again(tuple(f"data/{name}" for name in going if name not in reasons), words, tuple(sorted(locks)))

    def _wait_for_locks(self, locks: dict[str, str], unindexed_ns: int, condemned: Any) -> str:
        """Why packs wait for a client that began before; it delays them by D at most, then it is an incident."""
        state, adopted = self._state, self._adopted
        holders = older_than(state, adopted.id, locks, unindexed_ns)
        now_ns = state.clock.now_ns()
        with state.writing(self._lease) as connection:
            if not holders:
                close_incident(connection, adopted.id, Code.LOCK, "locks", now_ns)
                return ""
            since_ns = min(one.since_ns for one in condemned.values())
            limit_ns = (adopted.policy.hold + adopted.policy.detection) * DAY
            if now_ns - since_ns < limit_ns:
                return f"{holders[0]} has held a lock since before the index was written anew"
            words = (
                f"{holders[0]} has refreshed a lock for more than {limit_ns // DAY} days; it delays nothing any more"
            )
            open_incident(connection, adopted.id, Code.LOCK, "locks", words, now_ns)
        return ""

    def _purge(self, names: Iterable[str]) -> Again:
        rescue(self._state, self._lease, self._repository, self._reporter, everything=True)
        intent = schema.intent
        before_ns = self._state.clock.now_ns() - self._adopted.policy.expiry * DAY
        with self._state.database.read() as connection:
            rows = connection.execute(
                sa.select(intent.c.name, intent.c.undone_ns, intent.c.done_ns).where(
                    intent.c.repository == self._adopted.id
                )
            ).all()
        wanted = {row.name for row in rows if row.undone_ns is None and row.done_ns and row.done_ns < before_ns}
        wanted -= {row.name for row in rows if row.done_ns and row.done_ns >= before_ns}
        folder = FOLDERS["purge"]
        return Again(tuple(name for name in names if name.removeprefix(folder) in wanted))
