"""An ordinary repository with one object damaged: cut short, flipped, empty, grown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.attack.cases.registry import CASES
from tests.support.forge import Forge, ordinary


def _spoil(name: str, change: Callable[[bytes], bytes], where: Callable[[Forge], Path]) -> None:
    """Register a case that changes the bytes of one object of an ordinary repository."""

    def make(place: Path) -> Forge:
        forge = ordinary(place)
        path = where(forge)
        path.write_bytes(change(path.read_bytes()))
        return forge

    CASES[name] = make


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x40]) + content[middle + 1 :]


def _only(kind: str) -> Callable[[Forge], Path]:
    return lambda forge: next((forge.place / kind).iterdir())


def _pack_of(kind: str) -> Callable[[Forge], Path]:
    def where(forge: Forge) -> Path:
        name: str = next(entry["id"] for entry in forge.entries if entry["blobs"][0]["type"] == kind)
        return forge.place / "data" / name[:2] / name

    return where


_PLACES: dict[str, Callable[[Forge], Path]] = {
    "config": lambda forge: forge.place / "config",
    "key": _only("keys"),
    "index": _only("index"),
    "snapshot": _only("snapshots"),
    "data_pack": _pack_of("data"),
    "tree_pack": _pack_of("tree"),
}


_CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[: len(content) // 2],
    "flipped": _flipped,
    "empty": lambda _: b"",
    "grown": lambda content: content + b"\0" * 100,
}


for _place, _where in _PLACES.items():
    for _change, _apply in _CHANGES.items():
        _spoil(f"{_change}_{_place}", _apply, _where)
