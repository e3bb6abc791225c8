"""The trees that were decoded last, within bounds: walks of several snapshots meet the same ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom._kernel import Tree

RECENT_TREES = 512
"""How many trees are kept."""
RECENT_TREE_BYTES = 1 << 20
"""Trees whose plaintext is longer than this are not kept, in bytes."""
RECENT_BYTES = 8 << 20
"""How much plaintext the trees that are kept have in all, in bytes."""


class RecentTrees:
    """Trees by their ID and whether they were decoded strictly. From any thread."""

    def __init__(self) -> None:
        self._trees: OrderedDict[tuple[str, bool], tuple[Tree, int]] = OrderedDict()
        self._bytes = 0
        self._guard = threading.Lock()

    def find(self, tree_id: str, *, strict: bool) -> Tree | None:
        """A tree that is kept."""
        wanted = (tree_id, strict)
        with self._guard:
            if wanted not in self._trees:
                return None
            self._trees.move_to_end(wanted)
            return self._trees[wanted][0]

    def keep(self, tree_id: str, tree: Tree, length: int, *, strict: bool) -> None:
        """Keep a tree whose plaintext has ``length`` bytes, and let those go that were asked for longest ago."""
        if length > RECENT_TREE_BYTES:
            return
        wanted = (tree_id, strict)
        with self._guard:
            _, before = self._trees.pop(wanted, (tree, 0))  # another thread may have been quicker
            self._trees[wanted] = tree, length
            self._bytes += length - before
            while len(self._trees) > RECENT_TREES or self._bytes > RECENT_BYTES:
                _, (_, gone) = self._trees.popitem(last=False)
                self._bytes -= gone
