"""The judge's steps of each round: sign plans, condemn packs, take them out of the indexes, repack waste."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Refused
from strongroom.base.objects import Kind
from strongroom.base.record import field, mutable
from strongroom.custody.deletion.closed import forget_memo
from strongroom.custody.deletion.condemning import choose, condemn, note_unindexed, read_indexes, rewrite
from strongroom.custody.deletion.locks import look_for_standing, see_locks
from strongroom.custody.deletion.needed import rescue
from strongroom.custody.deletion.purging import plan_purge
from strongroom.custody.deletion.repacking import repack, waste_of
from strongroom.custody.deletion.survey import NeedSurvey, remember_use, remember_walked, survey, walk_more
from strongroom.custody.ledger import is_frozen
from strongroom.custody.planned.orders import FOLDERS, INDEXES, PACKS, SNAPSHOTS, Item
from strongroom.custody.planned.packs import condemned_packs, stored_objects
from strongroom.custody.planned.plans import make_signed_plan, note_survey, plan_rows, sign_plan
from strongroom.custody.planning import MOST_BYTES
from strongroom.custody.schemas import deletion as schema
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.base.progress import Reporter
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.log.note import Signer
    from strongroom.repository.opened import Repository

SURVEY_NS = 7 * DAY
"""All is walked anew at least so often, and after each removal of snapshots."""
ARRIVALS_NS = 30 * DAY


@mutable
class Prepared:
    """What was done: packs that were condemned, repacked; why nothing could be, in words."""

    condemned: list[str] = field(default_factory=list)
    repacked: list[str] = field(default_factory=list)
    obstacles: tuple[str, ...] = ()


class Preparing:
    """The steps over one repository. Each may be done twice, and broken off anywhere."""

    def __init__(
        self,
        state: State,
        lease: Lease,
        adopted: Adopted,
        repository: Repository,
        signer: Signer,
        reporter: Reporter,
    ) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._repository = repository
        self._signer = signer
        self._reporter = reporter

    def weigh(self, before: frozenset[str], now: frozenset[str]) -> float:
        """The share of the repository's bytes that is needed without the snapshots ``before``, not without ``now``.

        ``before`` are some of ``now``, so that one walk that goes on shows all three: most of it is the same for each.
        """
        found = self._survey(without=now)
        rest = found.used_bytes
        walk_more(self._state, self._repository, self._reporter, found, before)
        everything = found.used_bytes
        walk_more(self._state, self._repository, self._reporter, found, ())
        remember_use(self._state, self._lease, self._adopted.id, found)
        total = sum(row.size for row in stored_objects(self._state, self._adopted.id, Kind.DATA).values())
        return (everything - rest) / total if total else 0.0

    def prepare(self) -> Prepared:
        """Do what can be done now."""
        state, repository = self._state, self._repository
        done = Prepared()
        see_locks(state, self._lease, repository)
        look_for_standing(state, self._lease, repository)
        remember_walked(state, self._lease, self._adopted.id)
        self._sign_snapshots()
        with state.database.read() as connection:
            if is_frozen(connection, self._adopted.id):
                done.obstacles = ("an incident is open that freezes all deleting",)
                return done
        try:
            if not condemned_packs(state, self._adopted.id):
                self._begin(done)
            if condemned_packs(state, self._adopted.id):
                self._go_on()
        except Refused as problem:  # a store that lets us create no index: snapshots go, packs stay
            done.obstacles = (f"no index can be written here: {problem.what}",)
        plan_purge(state, self._lease, self._adopted, repository.store, self._signer)
        return done

    def _survey(self, *, without: frozenset[str] = frozenset()) -> NeedSurvey:
        going = condemned_packs(self._state, self._adopted.id)
        return survey(self._state, self._repository, self._reporter, going=going, without=without)

    def _sign_snapshots(self) -> None:
        sizes = stored_objects(self._state, self._adopted.id, Kind.SNAPSHOT)
        for row in plan_rows(self._state, self._adopted.id):
            if row.document is None and row.kind == SNAPSHOTS:
                folder = FOLDERS[SNAPSHOTS]
                items = [
                    Item(f"{folder}{name}", sizes[name].size, "no window of the policy needs it")
                    for name in json.loads(row.body)["remove"]
                    if name in sizes
                ]
                sign_plan(self._state, self._lease, self._adopted, row.number, SNAPSHOTS, items, self._signer)

    # packs

    def _begin(self, done: Prepared) -> None:
        """Condemn what no snapshot needs, or write anew what is mostly waste."""
        state = self._state
        if not self._is_time():
            return
        found = self._survey()
        choice = choose(state, self._adopted, found, state.clock.now_ns())
        done.obstacles = choice.obstacles
        if choice.obstacles:
            return
        remember_use(state, self._lease, self._adopted.id, found)
        note_survey(state, self._lease, self._adopted.id)
        if choice.packs:
            condemn(state, self._lease, self._adopted.id, choice.packs)
            forget_memo(state, self._lease, self._adopted.id)
            done.condemned = sorted(choice.packs)
            return
        waste = waste_of(found, ())
        if waste.packs:
            done.repacked = repack(state, self._lease, self._repository, waste, self._reporter)

    def _is_time(self) -> bool:
        with self._state.database.read() as connection:
            last = connection.execute(*_surveyed_query(self._adopted.id)).scalar_one_or_none()
            leaving = connection.execute(*_leaving_query(self._adopted.id)).scalar_one()
            removed = connection.execute(*_removed_query(self._adopted.id)).scalar_one()
        if last is None or leaving:
            return True
        return bool((removed or 0) >= last) or self._state.clock.now_ns() - last >= SURVEY_NS

    def _go_on(self) -> None:
        """Take the condemned out of the indexes; once no index names one, plan that they go."""
        state, adopted = self._state, self._adopted
        open_ones = {row.kind: row for row in plan_rows(state, adopted.id)}
        if INDEXES in open_ones or PACKS in open_ones:
            return
        rescue(state, self._lease, self._repository, self._reporter, everything=True)
        named = note_unindexed(state, self._lease, self._repository)
        if named:
            self._rewrite()
            return
        self._plan_packs()

    def _rewrite(self) -> None:
        state, adopted = self._state, self._adopted
        files = read_indexes(self._repository, stored_objects(state, adopted.id, Kind.INDEX))
        found = self._survey()
        old, new = rewrite(state, self._lease, self._repository, files, found, condemned_packs(state, adopted.id))
        sizes = stored_objects(state, adopted.id, Kind.INDEX)
        items = [
            Item(f"index/{name}", sizes[name].size, "an index without the condemned stands for it") for name in old
        ]
        self._plan(INDEXES, items, HOUR, successors=[f"index/{name}" for name in new])

    def _plan_packs(self) -> None:
        state, adopted = self._state, self._adopted
        objects = stored_objects(state, adopted.id, Kind.DATA)
        names = [name for name in condemned_packs(state, adopted.id) if name in objects]
        if not names:
            return
        items = [Item(f"data/{name}", objects[name].size, "no listed snapshot needs this copy") for name in names]
        since_ns = state.clock.now_ns() - ARRIVALS_NS
        arrived = sum(row.size for row in objects.values() if row.arrival_ns >= since_ns and row.evidence != "claimed")
        total = sum(row.size for row in objects.values())
        share = max(0, sum(item.size for item in items) - arrived) / total
        breakers = []
        if share > MOST_BYTES:
            breakers.append(
                f"it would free {share:.0%} of all bytes beyond what arrived in 30 days, more than {MOST_BYTES:.0%}"
            )
        self._plan(PACKS, items, adopted.policy.hold * DAY, breakers=breakers)

    def _plan(self, kind: str, items: Sequence[Item], wait_ns: int, **more: Sequence[str]) -> None:
        make_signed_plan(self._state, self._lease, self._adopted, self._signer, kind, items, wait_ns=wait_ns, **more)


@prepared
def _surveyed_query(repository: str) -> sa.Select[tuple[int]]:
    return sa.select(schema.epoch.c.surveyed_ns).where(schema.epoch.c.repository == repository)


@prepared
def _leaving_query(repository: str) -> sa.Select[Any]:
    use = schema.use
    return sa.select(sa.func.count()).where(use.c.repository == repository, use.c.leaving == 1)


@prepared
def _removed_query(repository: str) -> sa.Select[tuple[int | None]]:
    return sa.select(sa.func.max(schema.intent.c.done_ns)).where(schema.intent.c.repository == repository)
