"""Small files that are opened one after the other: the content of the next ones is fetched before it is asked for.

``tar``, ``cp -r`` and ``rsync`` open the files of a folder in the order of its listing, which is that of its tree.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.format.node import Tree
    from strongroom.mount.blob_cache import BlobCache

AHEAD_FILES = 8
"""How many of the next files are looked at when two follow each other; from then on twice as many each time."""
MOST_AHEAD = 32
"""How many at most."""
FOLDERS = 64
"""In how many folders it is remembered which file was opened last, and up to which the next ones were looked at."""


class Siblings:
    """Which file was opened last in each folder. From any thread; a race costs a blob that is fetched in vain."""

    def __init__(self, cache: BlobCache) -> None:
        self._cache = cache
        self._last: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def opened(self, tree_id: str, tree: Tree, name: bytes) -> None:
        """A file of a folder was opened. Folders and large files are passed over; those have a way of their own."""
        nodes = tree.nodes
        last, looked_at, ahead = self._last.get(tree_id, (-2, -1, AHEAD_FILES))
        position = last + 1
        if not 0 <= position < len(nodes) or nodes[position].name != name:
            position = bisect_left(nodes, name, key=lambda node: node.name)
        if last < 0 or not 0 <= position - last <= AHEAD_FILES:
            looked_at, ahead = position, AHEAD_FILES
        elif looked_at - position < ahead // 2:  # several at a time are fetched together
            begin, looked_at = max(position, looked_at) + 1, min(position + ahead, len(nodes) - 1)
            ahead = min(2 * ahead, MOST_AHEAD)
            contents = [node.content or [] for node in nodes[begin : looked_at + 1] if node.type == "file"]
            if blobs := [content[0] for content in contents if len(content) == 1]:
                self._cache.ahead(blobs)
        self._last[tree_id] = position, looked_at, ahead
        self._last.move_to_end(tree_id)
        if len(self._last) > FOLDERS:
            self._last.popitem(last=False)
