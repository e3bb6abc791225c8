"""What a log's tiles and checkpoints are called where they are kept for good, and which of them there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from strongroom.receipts.log.tiles import ENTRIES, WIDTH
from strongroom.receipts.log.tiles import path as tile_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.storage.own.contract import OwnFiles

_NUMBER = re.compile(r"[0-9]{3}\Z")
_SIZE = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_HIGHER = re.compile(r"x[0-9]{3}\Z")

"""The log's verifier key lies beside its tiles, for a first look; who relies on a log pins the key elsewhere."""


def checkpoint_sizes(store: OwnFiles) -> list[int]:
    """The sizes of the checkpoints that the store keeps, as their names say them, the largest first."""
    return sorted((int(name) for name in store.names("checkpoint") if _SIZE.match(name)), reverse=True)


def newest_checkpoint(store: OwnFiles) -> bytes | None:
    """The checkpoint of the largest size that the store keeps."""
    sizes = checkpoint_sizes(store)
    return store.read(f"checkpoint/{sizes[0]}") if sizes else None


def partial_widths(store: OwnFiles, level: int | str, number: int) -> list[int]:
    """The widths of the partial tiles of this number that the store keeps, the widest first."""
    names = store.names(tile_path(level, number, 1).rpartition("/")[0])
    return sorted((int(name) for name in names if _SIZE.match(name) and 0 < int(name) < WIDTH), reverse=True)


def extents(store: OwnFiles) -> tuple[int, int]:
    """How many leaves the store has files for: in full tiles, and in partial ones. Lists and reads nothing else."""
    full = partial = 0
    for level in (ENTRIES, 0):
        for number, is_full in _numbers(store, f"tile/{level}", 0):
            if is_full:
                full = max(full, (number + 1) * WIDTH)
            elif number * WIDTH >= partial // WIDTH * WIDTH:
                partial = max(partial, number * WIDTH + max(partial_widths(store, level, number), default=0))
    return full, partial


def _numbers(store: OwnFiles, folder: str, above: int) -> Iterator[tuple[int, bool]]:
    """The numbers of the tiles below a folder, and whether each is full."""
    for name in store.names(folder):
        if _NUMBER.match(name):
            yield above * 1000 + int(name), True
    for name in store.folders(folder):
        if _NUMBER.match(name[:-2]) and name.endswith(".p"):
            yield above * 1000 + int(name[:-2]), False
        elif _HIGHER.match(name):
            yield from _numbers(store, f"{folder}/{name}", above * 1000 + int(name[1:]))
