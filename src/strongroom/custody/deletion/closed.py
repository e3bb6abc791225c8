"""Which trees are known to need nothing of packs that are condemned or removed, so that no round walks them anew.

Before a snapshot is judged, ``rescue`` walks it, and what it needs of such packs returns. So of each tree that was
judged since, whole or lacking a blob, nothing is needed of them; for as long as they are no more than those, hold no
more, and nothing is lost and comes back. Then all is forgotten. A tree that was missing may come below one that lacks
another blob still: so all is walked once a week all the same, and before packs are planned to go, go, or are purged.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.record import record
from strongroom.custody.catalogue import AT_ONCE, age_of, index_of, rows_of
from strongroom.custody.judging.giving import NOT_GIVEN
from strongroom.custody.judging.lacking import LackingTrees
from strongroom.custody.judging.whole_trees import WholeTrees
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.schemas.main import lacking_tree, tree_total
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from strongroom.custody.state import Lease, State

WALK_ALL_NS = 7 * DAY
"""Less than a trash, or the versions of a bucket, keep what was removed."""


def forget_memo(state: State, lease: Lease, repository: str) -> None:
    """Nothing is known of any tree any more: what it needs may be on its way out."""
    with state.writing(lease) as connection:
        forget_trees(connection, repository)


def forget_trees(connection: sa.Connection, repository: str) -> None:
    """The same within what else is written."""
    for table in (tree_total, lacking_tree, schema.closed):
        connection.execute(table.delete().where(table.c.repository == repository))


@record
class _Anywhere:
    """What the packs of one index hold, or those of another."""

    index: _kernel.Index
    other: _kernel.Index

    def contains(self, kind: str, blob: str, /) -> bool:
        return self.index.contains(kind, blob) or self.other.contains(kind, blob)


class ClosedTrees:
    """What is known while these packs are condemned or removed. Forgets what may be so no longer."""

    def __init__(self, state: State, lease: Lease, repository: str, leaving: Collection[str]) -> None:
        self._state = state
        self._lease = lease
        self._repository = repository
        self._leaving = sorted(leaving)
        self._in_doubt = False
        with state.database.read() as connection:
            self._shaken = age_of(connection, repository).shaken
            row = connection.execute(
                sa.select(schema.closed).where(schema.closed.c.repository == repository)
            ).one_or_none()
        before = set() if row is None else {row.packs[at : at + 32].hex() for at in range(0, len(row.packs), 32)}
        known = row is not None and row.shaken == self._shaken and before >= set(leaving)
        now_ns = state.clock.now_ns()
        self._passes_any = row is not None and known and 0 <= now_ns - row.since_ns < WALK_ALL_NS
        if not known:
            forget_memo(state, lease, repository)
        if self._passes_any:
            self._whole = WholeTrees(state, repository)
            with state.database.read() as connection:
                one = sa.select(lacking_tree.c.tree).where(lacking_tree.c.repository == repository).limit(1)
                asked = self._leaving if connection.execute(one).one_or_none() is not None else []
                rows = (
                    rows_of(connection, repository, asked[at : at + AT_ONCE]) for at in range(0, len(asked), AT_ONCE)
                )
                self._held = index_of(itertools.chain.from_iterable(rows))

    def passes(self, index: _kernel.Index) -> Callable[[Sequence[str]], Collection[str]]:
        """Of trees that are asked for, those that need not be read, where ``index`` is that of the packs which stay."""
        if not self._passes_any:
            return lambda _trees: ()
        lacking = LackingTrees(self._state, self._repository, _Anywhere(index, self._held))

        def passes(trees: Sequence[str]) -> Collection[str]:
            whole = self._whole.of(trees)
            return whole.keys() | lacking.of(tree for tree in trees if tree not in whole).keys()

        return passes

    def see(self, faults: Iterable[tuple[str, str]]) -> None:
        """What was wrong in a walk: what a store does not give now may need what nobody knows."""
        self._in_doubt |= any(what == NOT_GIVEN for _, what in faults)

    def note(self) -> None:
        """All was walked, and what it needs of these packs has returned."""
        if self._in_doubt:
            with self._state.writing(self._lease) as connection:
                connection.execute(schema.closed.delete().where(schema.closed.c.repository == self._repository))
        elif not self._passes_any:
            packs = b"".join(map(bytes.fromhex, self._leaving))
            row = {"shaken": self._shaken, "packs": packs, "since_ns": self._state.clock.now_ns()}
            with self._state.writing(self._lease) as connection:
                connection.execute(schema.closed.delete().where(schema.closed.c.repository == self._repository))
                connection.execute(schema.closed.insert().values(repository=self._repository, **row))
