"""What is needed again: packs that were condemned or removed, and that a snapshot reaches after all."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record
from strongroom.custody.catalogue import age_of, rows_of
from strongroom.custody.deletion.bringing_back import bring_back
from strongroom.custody.deletion.closed import ClosedTrees
from strongroom.custody.deletion.condemning import write_indexes
from strongroom.custody.deletion.survey import usage_over, walk
from strongroom.custody.judging.reading import readable_snapshot
from strongroom.custody.judging.verdicts import PENDING
from strongroom.custody.planned.intents import taken_back
from strongroom.custody.planned.packs import condemned_packs, packs_there, put_away_packs, stored_objects
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.schemas.main import snapshot
from strongroom.custody.verifying import verify_these

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from strongroom.base.progress import Reporter
    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository


def reinstate(state: State, lease: Lease, repository: Repository, packs: Iterable[str]) -> list[str]:
    """Let packs stay: those that were removed are brought back, and all return to an index. Returns their names."""
    wanted = sorted(packs)
    if not wanted:
        return []
    away = set(put_away_packs(state, repository.id))
    for name in wanted:
        if name in away:
            info = bring_back(repository.store, ObjectName(Kind.DATA, name))
            with state.writing(lease) as connection:
                taken_back(connection, repository.id, info, state.clock.now_ns())
    verify_these(state, lease, repository, [ObjectName(Kind.DATA, name) for name in wanted if name in away])
    with state.database.read() as connection:
        read = rows_of(connection, repository.id, wanted)
    if read:
        write_indexes(state, lease, repository, {name: _kernel.decode_rows(rows) for name, rows in read})
    table, intent = schema.condemned, schema.intent
    with state.writing(lease) as connection:
        for name in wanted:
            confirmed = sa.and_(intent.c.repository == repository.id, intent.c.name == f"{Kind.DATA.value}/{name}")
            connection.execute(intent.delete().where(confirmed, intent.c.done_ns.is_(None)))
            connection.execute(table.delete().where(table.c.repository == repository.id, table.c.pack == name))
            connection.execute(
                schema.use.update()
                .where(schema.use.c.repository == repository.id, schema.use.c.pack == name)
                .values(leaving=0)
            )
    return wanted


def rescue(state: State, lease: Lease, repository: Repository, reporter: Reporter, *, everything: bool) -> list[str]:
    """Reinstate what listed snapshots need of condemned and removed packs; the names of those packs.

    ``everything``: walk all of all listed snapshots, whatever is known of it. Else those that are to be judged, or were
    not whole, and what is not known to need nothing of such packs; the others were walked when they were judged.
    """
    condemned = condemned_packs(state, repository.id)
    away = put_away_packs(state, repository.id)
    if not condemned and not away:
        return []
    roots = _roots(state, repository, everything=everything)
    if not roots:
        return []
    closed = None if everything else ClosedTrees(state, lease, repository.id, {*condemned, *away})
    walking = _Walking(repository, reporter, roots, closed)
    found: set[str] = set()
    if walking.over(packs_there(state, repository.id, without=condemned)).faults:
        for _ in range(_kernel.MAX_DEPTH):
            more = _needed(state, repository, walking, [one for one in condemned if one not in found], away)
            if not more - found:
                break
            reinstate(state, lease, repository, more - found)
            found |= more
            away = put_away_packs(state, repository.id)
    if closed is not None:
        closed.note()
    return sorted(found)


def _roots(state: State, repository: Repository, *, everything: bool) -> list[str]:
    with state.database.read() as connection:
        mine = snapshot.c.repository == repository.id
        sure = sa.and_(snapshot.c.whole >= age_of(connection, repository.id).losses, snapshot.c.verdict != PENDING)
        judged = {row.id for row in connection.execute(sa.select(snapshot.c.id).where(mine, sure))}
    roots = []
    for name in stored_objects(state, repository.id, Kind.SNAPSHOT):
        if everything or name not in judged:
            found = readable_snapshot(repository, name)
            if found is not None:
                roots.append(found.tree)
    return roots


@record
class _Walked:
    """Over which packs, what is used of them, and what is wrong, as ``walk`` has it."""

    index: _kernel.Index
    usage: _kernel.Usage
    faults: list[tuple[str, str]]


@record
class _Walking:
    repository: Repository
    reporter: Reporter
    roots: Sequence[str]
    closed: ClosedTrees | None

    def over(self, packs: Iterable[tuple[str, bytes]]) -> _Walked:
        """Walk the roots over these packs, but what is known to need nothing."""
        index, usage = usage_over(self.repository, packs)
        if self.closed is None:
            return _Walked(index, usage, walk(self.repository, usage, self.roots, self.reporter))
        faults = walk(self.repository, usage, self.roots, self.reporter, self.closed.passes(index))
        self.closed.see(faults)
        return _Walked(index, usage, faults)


def _needed(
    state: State, repository: Repository, walking: _Walking, condemned: Sequence[str], away: Sequence[str]
) -> set[str]:
    """Packs among these that the trees need, as far as they can be read now."""
    with state.database.read() as connection:
        on_their_way = rows_of(connection, repository.id, condemned)
        removed = rows_of(connection, repository.id, away)
    sure: set[str] = set()

    def staying() -> Iterator[tuple[str, bytes]]:
        for name, rows in packs_there(state, repository.id, without=condemned):
            sure.add(name)
            yield name, rows

    walked = walking.over(itertools.chain(staying(), on_their_way, removed))
    found: set[str] = set()
    for name, rows in (*on_their_way, *removed):
        for entry in _kernel.decode_rows(rows):
            if not walked.usage.needs(entry.kind, entry.id):
                continue
            places = [place.pack for place in walked.index.lookup(entry.kind, entry.id)]
            if not sure.intersection(places) and not found.intersection(places):
                found.add(name)
                break
    gone = {name for name, _ in removed}
    for item, _ in walked.faults:  # a tree in a pack that was removed: what it needs is seen once it is back
        kind, _, tree = item.partition(" ")
        if kind == "tree" and len(tree) == 64:
            found |= {place.pack for place in walked.index.lookup("tree", tree)[:1] if place.pack in gone}
    return found
