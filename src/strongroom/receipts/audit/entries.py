"""Reading a log's entries one after the other, without checking more than their form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Missing
from strongroom.receipts.log import checkpoint, tiles
from strongroom.receipts.log.leaf import parse
from strongroom.receipts.log.tiles import ENTRIES, WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.receipts.audit.log_source import LogSource
    from strongroom.receipts.log.leaf import Receipt


def size_of(source: LogSource) -> int:
    """How many entries the log has now. Raises as the source does."""
    return checkpoint.parse(source.head()).size


def entries(source: LogSource, first: int, count: int) -> Iterator[tuple[int, Receipt]]:
    """The entries from ``first`` on with their indexes, at most ``count``. Raises as the source does."""
    size = size_of(source)
    end = min(size, first + count)
    for number in range(first // WIDTH, -(-end // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        try:
            data = source.read(tiles.path(ENTRIES, number, width))
        except Missing:
            width, data = WIDTH, source.read(tiles.path(ENTRIES, number))
        for index, entry in enumerate(tiles.unbundle(data, width), number * WIDTH):
            if first <= index < end:
                yield index, parse(entry)
