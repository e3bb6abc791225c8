"""Whether indexes that are listed and true lead to every blob of the snapshots; where they do not, one is written.

A snapshot whose packs are all there is lost to stock restic all the same while no index names them. An intruder who may
delete needs to take away the index alone, and one who does so before the first round leaves no trace of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Refused
from strongroom.base.objects import Kind
from strongroom.base.record import field, mutable
from strongroom.custody.catalogue import Age, age_of, index_of, is_unread, rows_of
from strongroom.custody.deletion.condemning import write_indexes
from strongroom.custody.deletion.survey import walk
from strongroom.custody.incidents import Code
from strongroom.custody.indexed.names import named_by, unnamed_packs
from strongroom.custody.judging.giving import NOT_GIVEN
from strongroom.custody.judging.lacking import LackingTrees
from strongroom.custody.judging.reading import read_and_well, readable_snapshot
from strongroom.custody.judging.verdicts import CONDEMNED, PENDING
from strongroom.custody.ledger import close_incident, open_incident, settle_incident
from strongroom.custody.planned.packs import packs_there
from strongroom.custody.schemas.main import incident, snapshot, stored
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from strongroom.base.objects import ObjectName
    from strongroom.base.progress import Reporter
    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository

_INDEX = f"{Kind.INDEX.value}/"
_SHOWN = 3


@mutable
class ReachOfIndexes:
    """``written``: new index files. ``unreached``: snapshots that no index leads to all the same; ``obstacle``: why."""

    written: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    obstacle: str = ""


def look_for_unreached(state: State, lease: Lease, repository: Repository, reporter: Reporter) -> ReachOfIndexes:
    """Find packs that a listed snapshot needs and no true index names: an incident, and a new index.

    Asked of each snapshot that is new, and of all after a loss. One that is not reached in the end is pending. The
    incident closes once a later look finds nothing. Raises ``Damaged`` where the store gives another index than was
    written, and errors of the store.
    """
    done = ReachOfIndexes()
    with state.database.read() as connection:
        age = age_of(connection, repository.id)
        unread = is_unread(connection, repository.id)
    roots = _roots(state, repository, age)  # none in a round without news, which asks for no pack then
    unnamed = unnamed_packs(state, repository.id) if roots else set()
    unique = _UniqueBlobs(state, repository, unnamed, age.shaken) if unnamed else None
    needed = unique.needed_by(list(roots.values()), reporter)[0] if unique is not None else []
    if not needed:
        if unique is not None and not unread:
            unique.note_named(lease)
        settle_incident(state, lease, Code.UNINDEXED, "index")
        return done
    now_ns = state.clock.now_ns()
    with state.writing(lease) as connection:
        shown = ", ".join(name[:10] for name in needed[:_SHOWN])
        words = f"no listed index names {len(needed)} packs that snapshots need: {shown}"
        open_incident(connection, repository.id, Code.UNINDEXED, "index", words, now_ns)
        rows = rows_of(connection, repository.id, needed)
    try:
        packs = {name: _kernel.decode_rows(held) for name, held in rows}
        done.written = write_indexes(state, lease, repository, packs)
        if done.written and unique is not None and not unread:
            unique.note_named(lease)
    except Refused as problem:
        done.obstacle = f"no index can be written here: {problem.what}"
    if not done.written and unique is not None:
        for name, tree in roots.items():
            wants, whole = unique.needed_by([tree], reporter)
            if wants and whole:  # of one that lacks more than an index the judge says what
                done.unreached.append(name)
        _set_pending(state, lease, repository.id, done.unreached)
    return done


def _roots(state: State, repository: Repository, age: Age) -> dict[str, str]:
    """Trees of snapshots that are there and of which nobody knows yet that all is there, by the snapshot's name."""
    with state.database.read() as connection:
        names = connection.execute(*_unsure_query(repository.id, age.generation, age.losses)).scalars()
        found = {name: readable_snapshot(repository, name) for name in names.all()}
    return {name: one.tree for name, one in found.items() if one is not None}


@prepared
def _unsure_query(repository: str, generation: int, losses: int) -> sa.Select[tuple[str]]:
    joined = stored.outerjoin(
        snapshot, sa.and_(snapshot.c.repository == stored.c.repository, snapshot.c.id == stored.c.name)
    )
    return (
        sa.select(stored.c.name)
        .select_from(joined)
        .where(
            read_and_well(repository),
            sa.or_(snapshot.c.id.is_(None), snapshot.c.operator != CONDEMNED),
            sa.or_(
                snapshot.c.id.is_(None),
                snapshot.c.verdict == PENDING,
                sa.and_(snapshot.c.whole < 0, snapshot.c.generation != generation),
                sa.and_(snapshot.c.whole >= 0, snapshot.c.whole < losses),
            ),
        )
    )


class _UniqueBlobs:
    """What packs that no true index names hold, and no named pack; of several copies the first counts.

    ``repository.index`` is that of all sound packs from now on. A tree that lacks a blob still, and of which indexes
    named all else before, is not read again: what came for it since is named once that blob comes (threat B-4).
    """

    def __init__(self, state: State, repository: Repository, unnamed: Collection[str], shaken: int) -> None:
        self._repository = repository
        self._shaken = shaken
        repository.index = self._index = index_of(packs_there(state, repository.id))
        self._lacking = LackingTrees(state, repository.id, self._index)
        self._walked: set[str] = set()
        """Of trees that lack something those that were read, and all below them that is given."""
        self._of: dict[str, list[_kernel.BlobEntry]] = {}
        for name in sorted(unnamed):
            for entry in self._index.pack_entries(name):
                places = [place.pack for place in self._index.lookup(entry.kind, entry.id)]
                if places[0] == name and all(place in unnamed for place in places):
                    self._of.setdefault(name, []).append(entry)

    def needed_by(self, trees: Sequence[str], reporter: Reporter) -> tuple[list[str], bool]:
        """The packs that these trees need for such a blob; and whether all that they reach is in sound packs."""
        if not self._of:
            return [], True
        usage = _kernel.Usage(self._index)
        passed, walked = set[str](), set[str]()

        def passes(trees: Sequence[str]) -> set[str]:
            named, others = self._lacking.named(trees, self._shaken)
            passed.update(named)
            walked.update(others)
            return named

        faults = walk(self._repository, usage, trees, reporter, passes)
        if all(what != NOT_GIVEN for _, what in faults):
            self._walked |= walked
        needed = [name for name, blobs in self._of.items() if any(usage.needs(one.kind, one.id) for one in blobs)]
        return needed, not faults and not passed

    def note_named(self, lease: Lease) -> None:
        """Nothing of what was walked was needed and not named."""
        self._lacking.note_named(lease, self._walked, self._shaken)


def _set_pending(state: State, lease: Lease, repository: str, names: Collection[str]) -> None:
    """What no index leads to is not whole, and is judged anew when one does."""
    now_ns = state.clock.now_ns()
    with state.writing(lease) as connection:
        for name in names:
            connection.execute(
                snapshot.update()
                .where(snapshot.c.repository == repository, snapshot.c.id == name, snapshot.c.whole >= 0)
                .values(verdict=PENDING, judged_ns=now_ns, whole=-1, generation=-1)
            )


@prepared
def _missed_query(repository: str) -> sa.Select[tuple[str]]:
    return sa.select(incident.c.object).where(
        incident.c.repository == repository,
        incident.c.closed_ns.is_(None),
        incident.c.code == Code.MISSING.value,
        incident.c.object.startswith(_INDEX),
    )


def settle_indexes(state: State, lease: Lease, repository: str, missing_now: Collection[ObjectName]) -> list[str]:
    """Close the incidents of indexes that are gone and whose every sound pack true ones name; their names.

    The file is still gone. What it said is not. One that this round misses for the first time stays open, so that an
    operator sees it.
    """
    with state.database.read() as connection:
        missed = connection.execute(*_missed_query(repository)).scalars()
        waiting = [name for name in missed.all() if name not in set(map(str, missing_now))]
        if not waiting:
            return []
        went = sa.select(stored.c.name).where(
            stored.c.repository == repository, stored.c.kind == Kind.INDEX.value, stored.c.gone_ns.is_not(None)
        )
        gone = {f"{_INDEX}{name}" for name in connection.execute(went).scalars()}  # one that only a log has is not over
        said = {one: named_by(connection, repository, one.removeprefix(_INDEX)) for one in waiting if one in gone}
    unnamed = unnamed_packs(state, repository)
    over = [name for name, packs in said.items() if not (unnamed if packs is None else unnamed & packs)]
    with state.writing(lease) as connection:
        for name in over:
            close_incident(connection, repository, Code.MISSING, name, state.clock.now_ns())
    return over
