"""C2SP tlog-tiles: how the tree and its entries lie in files of at most 256 hashes or entries.

https://c2sp.org/tlog-tiles. A hash tile at level L holds the roots of complete subtrees of 256**L leaves; a bundle
holds entries, each after its length as two bytes, big end first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

from strongroom.base.errors import Damaged
from strongroom.receipts.log.merkle import Node, node_hash

KEY_FILE = "verifier-key"
"""Where a log shows the key that signs it, beside its tiles."""
WIDTH = 256
HASH = 32
MAX_BUNDLE = WIDTH * (2 + 65535)
ENTRIES = "entries"

Tile = Callable[[int, int, int], bytes]
"""``tile(level, index, width)``: the first ``width`` hashes of a tile, as one string. Raises ``Missing``."""


def path(level: int | str, index: int, width: int = WIDTH) -> str:
    """The path of a tile below the log's root; ``level`` is a number or ``ENTRIES``."""
    parts = [f"{index % 1000:03d}"]
    index //= 1000
    while index:
        parts.append(f"x{index % 1000:03d}")
        index //= 1000
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(parts))}{partial}"


def widths(level: int, old: int, new: int) -> Iterator[tuple[int, int]]:
    """The tiles ``(index, width)`` of a level that a tree has gained or widened in growing from ``old`` to ``new``."""
    before, after = old >> (8 * level), new >> (8 * level)
    if before == after:
        return
    for index in range(before // WIDTH, -(-after // WIDTH)):
        yield index, min(WIDTH, after - index * WIDTH)


def levels(size: int) -> int:
    """How many levels of tiles a tree has."""
    count = 0
    while size >> (8 * count):
        count += 1
    return count


def split(tile: bytes) -> list[bytes]:
    """The hashes of a tile. Raises ``Damaged`` when it is no row of 1 to 256 hashes."""
    if not tile or len(tile) % HASH or len(tile) > WIDTH * HASH:
        raise Damaged(f"a tile of {len(tile)} bytes")
    return [tile[i : i + HASH] for i in range(0, len(tile), HASH)]


def node_of(tile: Tile, size: int) -> Node:
    """The nodes of the tree of ``size`` leaves, out of its tiles. Those that were asked for are kept a while: proofs of
    leaves beside one another share most of theirs."""
    kept: dict[tuple[int, int], list[bytes]] = {}
    inner: dict[tuple[int, int], bytes] = {}

    def node(level: int, index: int) -> bytes:
        tile_level, up = level // 8, level % 8
        if up:
            found = inner.get((level, index))
            if found is None:
                found = node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))
                if len(inner) > 16 * WIDTH:
                    inner.clear()
                inner[level, index] = found
            return found
        at = (tile_level, index // WIDTH)
        hashes = kept.get(at)
        if hashes is None:
            width = min(WIDTH, (size >> (8 * tile_level)) - at[1] * WIDTH)
            hashes = split(tile(*at, width))
            if len(hashes) != width:
                raise Damaged("a tile of another width", subject=path(*at, width))
            if len(kept) > 64:
                kept.clear()
            kept[at] = hashes
        return hashes[index % WIDTH]

    return node


def bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle of these entries."""
    return b"".join(struct.pack(">H", len(entry)) + entry for entry in entries)


def unbundle(data: bytes, count: int) -> list[bytes]:
    """The ``count`` entries of a bundle. Raises ``Damaged`` when it holds fewer, more, or half an entry."""
    entries: list[bytes] = []
    position = 0
    while position < len(data):
        if len(entries) == count or position + 2 > len(data):
            raise Damaged(f"an entry bundle that does not hold exactly {count} entries")
        (length,) = struct.unpack_from(">H", data, position)
        position += 2
        if position + length > len(data):
            raise Damaged("an entry bundle that ends within an entry")
        entries.append(data[position : position + length])
        position += length
    if len(entries) != count:
        raise Damaged(f"an entry bundle that does not hold exactly {count} entries")
    return entries
