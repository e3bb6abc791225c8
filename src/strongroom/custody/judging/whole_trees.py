"""Trees that were found whole, as the state keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.custody.schemas.main import tree_total

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.state import State

Totals = tuple[int, int]
"""Files, and their bytes."""
_LOADED = 100_000
"""Up to so many trees that are known to be whole are held in memory; beyond, each is asked for."""
_AT_ONCE = 5000


class WholeTrees:
    """Trees that were found whole, with what is below them, as the state keeps them. From any thread."""

    def __init__(self, state: State, repository: str) -> None:
        self._state = state
        self._repository = repository
        with state.database.read() as connection:
            query = sa.select(tree_total).where(tree_total.c.repository == repository)
            rows = connection.execute(query.limit(_LOADED + 1)).all()
        self._all = len(rows) <= _LOADED
        self._known: dict[str, Totals] = {bytes(row.id).hex(): (row.files, row.bytes) for row in rows if self._all}

    def of(self, trees: Iterable[str]) -> dict[str, Totals]:
        """Those of these trees that are whole, with their totals."""
        wanted = set(trees)
        if self._all or not wanted:
            return {tree: self._known[tree] for tree in wanted if tree in self._known}
        found: dict[str, Totals] = {}
        names = list(map(bytes.fromhex, wanted))
        for start in range(0, len(names), _AT_ONCE):  # one hostile tree names hundreds of thousands
            some = sa.and_(tree_total.c.repository == self._repository, tree_total.c.id.in_(names[start:][:_AT_ONCE]))
            with self._state.database.read() as connection:
                rows = connection.execute(sa.select(tree_total).where(some))
                found |= {bytes(row.id).hex(): (row.files, row.bytes) for row in rows}
        return found

    def add(self, fresh: dict[str, Totals]) -> None:
        """Trees that the state keeps from now on."""
        if self._all:
            self._known |= fresh
