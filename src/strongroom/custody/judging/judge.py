"""From what was read to a verdict on each new snapshot, with its reasons."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing
from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.custody.arrival import CLAIMED
from strongroom.custody.catalogue import index_of
from strongroom.custody.incidents import Code
from strongroom.custody.judging.measures import Changes, Totals, changes, totals
from strongroom.custody.judging.rules import FLOORS, Before, History, Reason, Subject, suspicions
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.schema import pack, snapshot, source, stored, tree_total
from strongroom.format.snapshot import Snapshot
from strongroom.repository.reachable import read_trees
from strongroom.retention.guarded import DAY, GOOD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.base.progress import Reporter
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.repository.opened import Repository

SUSPICIOUS, PENDING = "suspicious", "pending"
ACCEPTED, CONDEMNED = "accepted", "condemned"


@record
class Judged:
    """A verdict that was made in this round."""

    id: str
    source: str
    verdict: str
    reasons: tuple[Reason, ...]


@record
class _New:
    id: str
    arrival_ns: int
    dated: bool


def source_of(found: Snapshot) -> str:
    """The name of what a snapshot claims to be of: its host and paths."""
    return f"{found.hostname}:{','.join(sorted(found.paths))}"


class Judge:
    """Judges the new snapshots of one repository. Reads trees, and believes the catalogue alone."""

    def __init__(
        self, state: State, lease: Lease, adopted: Adopted, repository: Repository, reporter: Reporter
    ) -> None:
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._repository = repository
        self._reporter = reporter

    def judge(self) -> list[Judged]:
        """Judge every snapshot that has no verdict yet, or none for good, in the order of their arrival."""
        new = self._waiting()
        if not new:
            return []
        self._repository.index = self._catalogue()
        known = self._known_trees()
        reach = _kernel.Reach()
        for tree in known:
            reach.root(tree)
        unread = self._unread_packs()
        return [self._judge(one, reach, known, unread=unread) for one in new]

    def _waiting(self) -> list[_New]:
        joined = stored.outerjoin(
            snapshot, sa.and_(snapshot.c.repository == stored.c.repository, snapshot.c.id == stored.c.name)
        )
        query = (
            sa.select(stored.c.name, stored.c.arrival_ns, stored.c.evidence)
            .select_from(joined)
            .where(
                stored.c.repository == self._adopted.id,
                stored.c.kind == Kind.SNAPSHOT.value,
                stored.c.gone_ns.is_(None),
                stored.c.fault.is_(None),
                stored.c.verified_ns.is_not(None),
                sa.or_(
                    snapshot.c.id.is_(None),
                    snapshot.c.verdict == PENDING,
                    snapshot.c.reasons.like('%"incomplete"%') & (snapshot.c.operator == ""),
                ),
            )
        )
        with self._state.database.read() as connection:
            rows = connection.execute(query).all()
        new = [_New(row.name, row.arrival_ns, row.evidence != CLAIMED) for row in rows]
        return sorted(new, key=lambda one: (one.arrival_ns, one.id))

    def _catalogue(self) -> _kernel.Index:
        """Of what is there now, the oldest first: of several copies the first that came is read."""
        query = (
            sa.select(pack.c.name, pack.c.blobs)
            .join(stored, sa.and_(stored.c.repository == pack.c.repository, stored.c.name == pack.c.name))
            .where(pack.c.repository == self._adopted.id, stored.c.kind == Kind.DATA.value, stored.c.gone_ns.is_(None))
            .order_by(stored.c.arrival_ns, pack.c.name)
        )
        with self._state.database.read() as connection:
            return index_of((row.name, bytes(row.blobs)) for row in connection.execute(query))

    def _known_trees(self) -> dict[str, Totals]:
        with self._state.database.read() as connection:
            return {
                bytes(row.id).hex(): (row.files, row.bytes)
                for row in connection.execute(sa.select(tree_total).where(tree_total.c.repository == self._adopted.id))
            }

    def _unread_packs(self) -> bool:
        with self._state.database.read() as connection:
            found = connection.execute(
                sa.select(stored.c.name)
                .where(
                    stored.c.repository == self._adopted.id,
                    stored.c.kind == Kind.DATA.value,
                    stored.c.gone_ns.is_(None),
                    stored.c.verified_ns.is_(None),
                )
                .limit(1)
            ).one_or_none()
        return found is not None

    def _judge(self, one: _New, reach: _kernel.Reach, known: dict[str, Totals], *, unread: bool) -> Judged:
        found = Snapshot.parse(self._repository.files.load(Kind.SNAPSHOT, one.id), f"snapshots/{one.id}")
        name = source_of(found)
        faults: list[str] = []
        if reach.root(found.tree) or found.tree not in known:
            index = self._repository.index
            read_trees(
                self._repository,
                [found.tree],
                lambda text: reach.read(index, text),
                self._reporter,
                lambda item, what: faults.append(f"{item} {what}"),
            )
        past = self._past(name, one)
        measures: dict[str, float] = {}
        difference = Changes()
        if not faults:
            try:
                measures, difference = self._measure(found, past, known)
            except (Damaged, LimitExceeded, Missing) as problem:
                faults.append(str(problem.what))
        if faults and unread:
            return self._keep(one, found, PENDING, (), measures)
        history, accepted = self._history(name, one, past)
        subject = Subject(
            found.time_ns,
            one.arrival_ns,
            one.dated,
            found.parent,
            found.program_version,
            measures,
            difference.removed_by_extension,
            difference.new_by_extension,
            not faults,
            accepted,
        )
        reasons = suspicions(subject, history)
        if faults:
            reasons = [
                Reason(reason.code, len(faults), 0, f"{reason.words}: {faults[0]}")
                if reason.code == "incomplete"
                else reason
                for reason in reasons
                if reason.code not in ("empty", "shrunk-files", "shrunk-bytes")
            ]
        return self._keep(one, found, SUSPICIOUS if reasons else GOOD, tuple(reasons), measures)

    def _past(self, name: str, one: _New) -> list[sa.Row[Any]]:
        """The good snapshots of a source that came earlier, oldest first."""
        with self._state.database.read() as connection:
            return list(
                connection.execute(
                    sa.select(snapshot)
                    .where(
                        snapshot.c.repository == self._adopted.id,
                        snapshot.c.source == name,
                        snapshot.c.verdict == GOOD,
                        snapshot.c.operator != CONDEMNED,
                        snapshot.c.arrival_ns <= one.arrival_ns,
                        snapshot.c.id != one.id,
                    )
                    .order_by(snapshot.c.arrival_ns, snapshot.c.id)
                ).all()
            )

    def _measure(
        self, found: Snapshot, past: list[sa.Row[Any]], known: dict[str, Totals]
    ) -> tuple[dict[str, float], Changes]:
        (files, size), fresh = totals(self._repository, found.tree, known)
        known |= fresh
        with self._state.writing(self._lease) as connection:
            for tree, (tree_files, tree_bytes) in fresh.items():
                connection.execute(
                    tree_total.insert().values(
                        repository=self._adopted.id, id=bytes.fromhex(tree), files=tree_files, bytes=tree_bytes
                    )
                )
        difference = Changes()
        measures: dict[str, float] = {"files": files, "bytes": size}
        if past:
            difference = changes(self._repository, json.loads(past[-1].document)["tree"], found.tree)
            measures |= {name: getattr(difference, name) for name in FLOORS}
        return measures, difference

    def _history(self, name: str, one: _New, past: list[sa.Row[Any]]) -> tuple[History, bool]:
        """What is known of the source, and whether it may be; a source that is new is written down."""
        good = [
            Before(
                row.arrival_ns,
                json.loads(row.document).get("program_version", ""),
                json.loads(row.measures),
                row.operator == ACCEPTED,
            )
            for row in past
        ]
        settled = [before for before in good if before.arrival_ns <= one.arrival_ns - self._window_ns]
        with self._state.writing(self._lease) as connection:
            row = connection.execute(
                sa.select(source).where(source.c.repository == self._adopted.id, source.c.name == name)
            ).one_or_none()
            if row is None:
                accepted = not one.dated  # what was there at adoption was there before anybody could plant it for us
                connection.execute(
                    source.insert().values(
                        repository=self._adopted.id,
                        name=name,
                        accepted=int(accepted),
                        first_ns=one.arrival_ns,
                        extensions="{}",
                        counted="",
                    )
                )
            else:
                accepted = bool(row.accepted)
            lately = connection.execute(
                sa.select(sa.func.count())
                .select_from(snapshot)
                .where(
                    snapshot.c.repository == self._adopted.id,
                    snapshot.c.source == name,
                    snapshot.c.arrival_ns > one.arrival_ns - DAY,
                    snapshot.c.arrival_ns <= one.arrival_ns,
                    snapshot.c.id != one.id,
                )
            ).scalar_one()
        extensions = self._extensions(name, past)
        return History(good, settled, lately + 1 if one.dated else 1, self._was_seen, extensions), accepted

    @property
    def _window_ns(self) -> int:
        return self._adopted.policy.detection * DAY

    def _was_seen(self, snapshot_id: str) -> bool:
        with self._state.database.read() as connection:
            found = connection.execute(
                sa.select(stored.c.name).where(
                    stored.c.repository == self._adopted.id,
                    stored.c.kind == Kind.SNAPSHOT.value,
                    stored.c.name == snapshot_id,
                )
            ).one_or_none()
        return found is not None

    def _extensions(self, name: str, past: list[sa.Row[Any]]) -> Mapping[str, int]:
        """Files by extension in the last good snapshot, brought level from the last one that was counted."""
        if not past:
            return {}
        last = past[-1]
        with self._state.database.read() as connection:
            row = connection.execute(
                sa.select(source).where(source.c.repository == self._adopted.id, source.c.name == name)
            ).one()
            before = connection.execute(
                sa.select(snapshot.c.document).where(
                    snapshot.c.repository == self._adopted.id, snapshot.c.id == row.counted
                )
            ).scalar_one_or_none()
        counts = Counter({word: int(count) for word, count in json.loads(row.extensions).items()})
        if row.counted == last.id:
            return counts
        tree = json.loads(last.document)["tree"]
        difference = changes(self._repository, json.loads(before)["tree"] if before else None, tree)
        for word, count in difference.new_by_extension.items():
            counts[word] += count
        for word, count in difference.removed_by_extension.items():
            counts[word] = max(0, counts[word] - count)
        with self._state.writing(self._lease) as connection:
            connection.execute(
                source.update()
                .where(source.c.repository == self._adopted.id, source.c.name == name)
                .values(extensions=json.dumps(dict(counts)), counted=last.id)
            )
        return counts

    def _keep(
        self, one: _New, found: Snapshot, verdict: str, reasons: tuple[Reason, ...], measures: Mapping[str, float]
    ) -> Judged:
        name = source_of(found)
        now_ns = self._state.clock.now_ns()
        said = [[reason.code, reason.value, reason.threshold, reason.words] for reason in reasons]
        with self._state.writing(self._lease) as connection:
            connection.execute(
                snapshot.delete().where(snapshot.c.repository == self._adopted.id, snapshot.c.id == one.id)
            )
            connection.execute(
                snapshot.insert().values(
                    repository=self._adopted.id,
                    id=one.id,
                    source=name,
                    claimed_ns=found.time_ns,
                    arrival_ns=one.arrival_ns,
                    document=json.dumps(found.members()),
                    verdict=verdict,
                    judged_ns=now_ns,
                    reasons=json.dumps(said),
                    measures=json.dumps(dict(measures)),
                    operator="",
                    pinned=0,
                )
            )
            if verdict == SUSPICIOUS:
                words = "; ".join(reason.words for reason in reasons)
                open_incident(connection, self._adopted.id, Code.SUSPICIOUS, f"snapshots/{one.id}", words, now_ns)
            elif verdict == GOOD:
                close_incident(connection, self._adopted.id, Code.SUSPICIOUS, f"snapshots/{one.id}", now_ns)
        return Judged(one.id, name, verdict, reasons)
