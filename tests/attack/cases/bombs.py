"""What grows when it is opened: frames, scrypt; and junk in every folder."""

from __future__ import annotations

import os
from pathlib import Path

from tests.attack.cases.registry import case
from tests.support.forge import Forge, node, ordinary, sha, zstd_bomb


@case
def bomb_in_a_tree(place: Path) -> Forge:
    """A tree blob whose frame expands to 8 GiB, declared as 100 bytes."""
    forge = Forge(place)
    forge.pack(("tree", b"root"), frames={0: (zstd_bomb(8 << 30, declared=100), 100)})
    forge.index()
    forge.snapshot(sha(b"root"))
    return forge


@case
def honest_bomb_in_a_tree(place: Path) -> Forge:
    """A tree blob that declares the 8 GiB that it expands to (in the index 32 bits hold no more than 4)."""
    forge = Forge(place)
    forge.pack(("tree", b"root"), frames={0: (zstd_bomb(8 << 30), 0xFFFFFFFF)})
    forge.index()
    forge.snapshot(sha(b"root"))
    return forge


@case
def bomb_in_a_file(place: Path) -> Forge:
    """A data blob whose frame expands to 8 GiB."""
    forge = Forge(place)
    forge.pack(("data", b"content"), frames={0: (zstd_bomb(8 << 30), 7)})
    root = forge.tree(node("file", "file", content=[sha(b"content")], size=7))
    forge.index()
    forge.snapshot(root)
    return forge


@case
def bomb_in_an_index(place: Path) -> Forge:
    """An index file that expands to 16 GiB beside a sound one."""
    forge = ordinary(place)
    forge.compressed("index", zstd_bomb(16 << 30))
    return forge


@case
def bomb_in_a_snapshot(place: Path) -> Forge:
    """A snapshot that expands to 16 GiB beside a sound one."""
    forge = ordinary(place)
    forge.compressed("snapshots", zstd_bomb(16 << 30, content=b"["))
    return forge


@case
def scrypt_bomb_alone(place: Path) -> Forge:
    """The only key asks for a terabyte."""
    forge = ordinary(place)
    for path in (place / "keys").iterdir():
        path.unlink()
    forge.key(declared={"N": 1 << 30, "r": 8, "p": 1})
    return forge


@case
def scrypt_bombs_beside_a_key(place: Path) -> Forge:
    """Keys that ask for a terabyte, for a year, or for nonsense lie beside a sound one."""
    forge = ordinary(place)
    for declared in (
        {"N": 1 << 30},
        {"p": 1 << 30},
        {"r": 1 << 28},
        {"N": 0},
        {"N": -1},
        {"N": 1000},
        {"N": 10**30},
        {"r": 0},
        {"salt": ""},
        {"kdf": "md5"},
        {"N": "many"},
    ):
        forge.key(declared=declared)
    return forge


@case
def junk_in_keys(place: Path) -> Forge:
    """Files in keys/ that are no keys: nothing, bytes, JSON of other shapes, deep JSON."""
    forge = ordinary(place)
    for content in (b"", os.urandom(500), b"null", b"[]", b'{"data":1}', b"[" * 50_000, b"x" * (32 << 20)):
        forge.write("keys", content)
    forge.write("keys", b"under a name that is not its hash", "ab" * 32)
    return forge


@case
def junk_in_every_folder(place: Path) -> Forge:
    """Sound objects with strangers beside them: random bytes, and JSON of no known shape under the right key."""
    forge = ordinary(place)
    for kind in ("index", "snapshots", "locks"):
        forge.write(kind, os.urandom(300))
        forge.unpacked(kind, b"null")
        forge.unpacked(kind, b"[" * 100_000)
        forge.unpacked(kind, b'{"packs":{"a":1e999},"tree":[],"time":"yesterday","paths":7}')
    return forge
