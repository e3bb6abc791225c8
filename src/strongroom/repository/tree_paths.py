"""Paths in a snapshot, and what keeps a hostile one from being walked for ever.

Trees form a graph without cycles, so a few kilobytes can spell 10^12 paths, and paths can be deeper than any disk has
them (threats B-2 and B-3).
"""

from __future__ import annotations

from strongroom._kernel import MAX_DEPTH, MAX_PATH
from strongroom.base.errors import LimitExceeded

FREE_REPEATS = 200_000
"""How many entries are listed before anybody asks whether they are always the same."""
MAX_REPEATS = 10
"""How often the average entry may be listed. Real folders hardly repeat: an entry holds inode and change time."""


def join(folder: bytes, name: bytes) -> bytes:
    """The path of a name in a folder."""
    return (b"" if folder == b"/" else folder) + b"/" + name


def is_too_deep(path: bytes, depth: int) -> bool:
    """Whether a folder at this path lies deeper than is read; the root has depth 0."""
    return depth > MAX_DEPTH or len(path) > MAX_PATH


class Repeats:
    """Notices a snapshot that consists of the same few trees over and over."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._listed = 0
        self._distinct = 0

    def count(self, tree: str, nodes: int) -> None:
        """Count a tree, or what else has a hexadecimal name, that is about to be listed. Raises ``LimitExceeded``."""
        number = int(tree[:15], 16)  # a machine word for each tree is enough to count them
        self._listed += nodes
        if number not in self._seen:
            self._seen.add(number)
            self._distinct += nodes
        if self._listed > FREE_REPEATS and self._listed > MAX_REPEATS * self._distinct:
            raise LimitExceeded(
                f"repeats the same {self._distinct} entries more than {MAX_REPEATS} times over",
                subject="this snapshot",
                hint="No honest backup does that. `strongroom check` and `strongroom stats` can still look at it.",
            )
