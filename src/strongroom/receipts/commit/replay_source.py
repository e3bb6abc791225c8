"""What a log's store and its file with the newest head have of its leaves, from some bundle on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Missing, StrongroomError
from strongroom.receipts.commit.tile_store import partial_widths
from strongroom.receipts.log import tiles
from strongroom.receipts.log.merkle import leaf_hash
from strongroom.receipts.log.tiles import ENTRIES, WIDTH

if TYPE_CHECKING:
    from strongroom.receipts.commit.tail import Tail
    from strongroom.storage.own.contract import OwnFiles


class Fork(StrongroomError):
    """To sign now would mean to contradict what was signed before."""


def leaves_from(store: OwnFiles, tail: Tail | None, number: int) -> list[bytes]:
    """The leaves from the bundle ``number`` on, as far as they are kept.

    Raises ``Fork`` where two copies differ, or hashes are there without their entries.
    """
    kept = tail.read_signed() if tail is not None else None
    found: list[bytes] = []
    while True:
        entries = _bundle(store, number)
        if kept is not None and kept.start == number * WIDTH and kept.entries:
            same = min(len(entries), len(kept.entries))
            if entries[:same] != kept.entries[:same]:
                raise Fork(f"the file with the newest head has other leaves than {_path(number, same)}")
            entries = max(entries, kept.entries, key=len)
        _check_hashes(store, number, entries)
        found += entries
        if len(entries) < WIDTH:
            return found
        number += 1


def _path(number: int, width: int) -> str:
    return tiles.path(ENTRIES, number, width or WIDTH)


def _bundle(store: OwnFiles, number: int) -> list[bytes]:
    """The widest bundle of this number; empty when there is none."""
    for width in (WIDTH, *_widest(store, ENTRIES, number)):
        try:
            return tiles.unbundle(store.read(_path(number, width)), width)
        except Missing:
            continue
        except Damaged as error:
            raise Fork(f"{_path(number, width)} of the log cannot be read: {error.what}") from None
    return []


def _check_hashes(store: OwnFiles, number: int, entries: list[bytes]) -> None:
    for width in (WIDTH, *_widest(store, 0, number)):
        try:
            hashes = tiles.split(store.read(tiles.path(0, number, width)))
        except Missing:
            continue
        except Damaged as error:
            raise Fork(f"{tiles.path(0, number, width)} of the log cannot be read: {error.what}") from None
        if len(hashes) > len(entries):
            raise Fork(f"the log has {tiles.path(0, number, width)} without its entries")
        if hashes != [leaf_hash(one) for one in entries[: len(hashes)]]:
            raise Fork(f"{tiles.path(0, number, width)} of the log does not fit its entries")
        return


def _widest(store: OwnFiles, level: int | str, number: int) -> list[int]:
    return partial_widths(store, level, number)[:1]
