"""Writing a log's tiles to where they are kept for good: full ones once, partial ones with a checkpoint.

https://c2sp.org/tlog-tiles. All are a function of what was assigned, so that two sequencers write the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.receipts.commit.log_state import entries, read_tile
from strongroom.receipts.log import tiles
from strongroom.receipts.log.tiles import ENTRIES, WIDTH

if TYPE_CHECKING:
    import sqlalchemy as sa

    from strongroom.storage.own.contract import OwnFiles


def write_full(connection: sa.Connection, store: OwnFiles, log: int, old: int, new: int) -> None:
    """Write the tiles and bundles that became full while the log grew from ``old`` to ``new`` leaves.

    Raises ``Unavailable`` and whatever the store raises.
    """
    for level in range(tiles.levels(new)):
        for number, width in tiles.widths(level, old, new):
            if width == WIDTH:
                _write(connection, store, log, level, number, width)


def write_partial(connection: sa.Connection, store: OwnFiles, log: int, size: int) -> None:
    """Write the partial tiles and the bundle that a checkpoint of ``size`` leaves needs.

    Raises ``Unavailable`` and whatever the store raises.
    """
    for level in range(tiles.levels(size)):
        width = (size >> (8 * level)) % WIDTH
        if width:
            _write(connection, store, log, level, (size >> (8 * level)) // WIDTH, width)


def _write(connection: sa.Connection, store: OwnFiles, log: int, level: int, number: int, width: int) -> None:
    if level == 0:
        start = number * WIDTH
        bundle = tiles.bundle(entries(connection, log, start, start + width))
        store.write_once(tiles.path(ENTRIES, number, width), bundle)
    store.write_once(tiles.path(level, number, width), read_tile(connection, log, level, number, width))
