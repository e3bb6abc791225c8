"""Finding the place where entries differ from a head that was signed, with the log's own hash tiles as the map.

A tile is believed only as far as it hashes to something already believed, from the head downwards. Where a tile does
not, everything below it is one range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Missing
from strongroom.receipts.log import tiles
from strongroom.receipts.log.merkle import complete, fold, node_hash, subtrees
from strongroom.receipts.log.tiles import HASH, WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.receipts.audit.log_source import LogSource
    from strongroom.receipts.log.checkpoint import Checkpoint


def first_difference(source: LogSource, pin: Checkpoint, hashes: Sequence[bytes], begin: int) -> tuple[int, int] | None:
    """The first leaves, inclusive, that differ from those under ``pin``; None when the tiles prove nothing.

    ``hashes`` are those of the entries as they are now, from index 0 or from ``begin`` on.
    """
    offset = 0 if len(hashes) >= pin.size else begin

    def tile(level: int, number: int, width: int) -> bytes:
        for candidate in dict.fromkeys((width, WIDTH)):
            try:
                return source.read(tiles.path(level, number, candidate))[: width * HASH]
            except Missing:
                continue
        raise Missing("the log lacks a tile")

    node = tiles.node_of(tile, pin.size)
    cover = subtrees(0, pin.size)
    try:
        claimed = [node(level, index) for level, index in cover]
    except (Missing, Damaged):
        return None
    if fold(claimed) != pin.root:
        return None

    def search(level: int, index: int, believed: bytes) -> tuple[int, int] | None:
        start, end = index << level, (index + 1) << level
        if end <= offset:
            return None  # not read: it lies below a pin that fits
        if start >= offset and complete(hashes[start - offset : end - offset]) == believed:
            return None
        if level == 0:
            return start, start
        try:
            left, right = node(level - 1, 2 * index), node(level - 1, 2 * index + 1)
        except (Missing, Damaged):
            return max(start, offset), end - 1
        if node_hash(left, right) != believed:
            return max(start, offset), end - 1
        return search(level - 1, 2 * index, left) or search(level - 1, 2 * index + 1, right)

    for (level, index), believed in zip(cover, claimed, strict=True):
        found = search(level, index, believed)
        if found is not None:
            return found
    return None
