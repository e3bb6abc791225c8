"""What is needed again: packs that were condemned or removed, and that a snapshot reaches after all."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.catalogue import rows_of
from strongroom.custody.deletion.bringing_back import bring_back
from strongroom.custody.deletion.condemning import write_indexes
from strongroom.custody.deletion.survey import usage_over, walk
from strongroom.custody.judging.reading import readable_snapshot
from strongroom.custody.planned.intents import taken_back
from strongroom.custody.planned.packs import condemned_packs, packs_there, put_away_packs, stored_objects
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.schemas.main import snapshot, tree_total
from strongroom.custody.verifying import verify_these

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from strongroom.base.progress import Reporter
    from strongroom.custody.state import Lease, State
    from strongroom.repository.opened import Repository


def forget_memo(state: State, lease: Lease, repository: str) -> None:
    """No tree counts as complete any more for having been so: what it needs may be on its way out."""
    with state.writing(lease) as connection:
        connection.execute(tree_total.delete().where(tree_total.c.repository == repository))


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

    ``everything``: walk all listed snapshots, else those that have no verdict yet. Others were walked when it was made.
    """
    condemned = condemned_packs(state, repository.id)
    away = put_away_packs(state, repository.id)
    if not condemned and not away:
        return []
    roots = _roots(state, repository, everything=everything)
    found: set[str] = set()
    if not roots or _is_whole(state, repository, reporter, roots, condemned):
        return []
    for _ in range(_kernel.MAX_DEPTH):
        more = _needed(state, repository, reporter, roots, [one for one in condemned if one not in found], away)
        if not more - found:
            break
        reinstate(state, lease, repository, more - found)
        found |= more
        away = put_away_packs(state, repository.id)
    return sorted(found)


def _roots(state: State, repository: Repository, *, everything: bool) -> list[str]:
    with state.database.read() as connection:
        judged = {
            row.id
            for row in connection.execute(
                sa.select(snapshot.c.id).where(snapshot.c.repository == repository.id, snapshot.c.whole >= 0)
            )
        }
    roots = []
    for name in stored_objects(state, repository.id, Kind.SNAPSHOT):
        if everything or name not in judged:
            found = readable_snapshot(repository, name)
            if found is not None:
                roots.append(found.tree)
    return roots


def _is_whole(
    state: State, repository: Repository, reporter: Reporter, roots: Sequence[str], going: Iterable[str]
) -> bool:
    """Whether nothing is missing for these trees without what goes."""
    _, usage = usage_over(repository, packs_there(state, repository.id, without=going))
    return not walk(repository, usage, roots, reporter)


def _needed(
    state: State,
    repository: Repository,
    reporter: Reporter,
    roots: Sequence[str],
    condemned: Sequence[str],
    away: Sequence[str],
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

    index, usage = usage_over(repository, itertools.chain(staying(), on_their_way, removed))
    unread = walk(repository, usage, roots, reporter)
    found: set[str] = set()
    for name, rows in (*on_their_way, *removed):
        for entry in _kernel.decode_rows(rows):
            if not usage.needs(entry.kind, entry.id):
                continue
            places = [place.pack for place in index.lookup(entry.kind, entry.id)]
            if not sure.intersection(places) and not found.intersection(places):
                found.add(name)
                break
    gone = {name for name, _ in removed}
    for item, _ in unread:  # a tree in a pack that was removed: what it needs is seen once it is back
        kind, _, tree = item.partition(" ")
        if kind == "tree" and len(tree) == 64:
            found |= {place.pack for place in index.lookup("tree", tree)[:1] if place.pack in gone}
    return found
