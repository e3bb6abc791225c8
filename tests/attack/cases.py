"""Attack repositories by name: each case makes one with the forge and says in its docstring what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.forge import Forge, dumps, node, ordinary, sha, zstd_bomb, zstd_raw

Case = Callable[[Path], Forge]
CASES: dict[str, Case] = {}


def case(make: Case) -> Case:
    """Register a case under its function's name."""
    CASES[make.__name__] = make
    return make


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


def _with_root(place: Path, *nodes: dict[str, Any]) -> Forge:
    forge = Forge(place)
    root = forge.tree(*nodes)
    forge.index()
    forge.snapshot(root)
    return forge


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


@case
def shared_trees(place: Path) -> Forge:
    """Forty levels of two folders that are the same tree: 10^12 paths in forty blobs."""
    forge = Forge(place)
    tree = forge.tree(node("leaf", "file"))
    for _ in range(40):
        tree = forge.tree(node("a", "dir", subtree=tree), node("b", "dir", subtree=tree))
    forge.index()
    forge.snapshot(tree)
    return forge


@case
def wide_shared_trees(place: Path) -> Forge:
    """Three levels of ten thousand folders that are the same tree: 10^12 paths in four blobs."""
    forge = Forge(place)
    tree = forge.tree(node("leaf", "file"))
    for _ in range(3):
        tree = forge.tree(*(node(f"folder{number:05d}", "dir", subtree=tree) for number in range(10_000)))
    forge.index()
    forge.snapshot(tree)
    return forge


@case
def deep_tree(place: Path) -> Forge:
    """A chain of three thousand folders."""
    forge = Forge(place)
    blobs = [dumps({"nodes": [node("leaf", "file")]})]
    for _ in range(3000):
        blobs.append(dumps({"nodes": [node("d", "dir", subtree=sha(blobs[-1]))]}))
    forge.pack(*(("tree", blob) for blob in blobs))
    forge.index()
    forge.snapshot(sha(blobs[-1]))
    return forge


@case
def deep_json(place: Path) -> Forge:
    """A tree of a million opening brackets."""
    forge = Forge(place)
    root = forge.raw_tree(b'{"nodes":' + b"[" * 1_000_000)
    forge.index()
    forge.snapshot(root)
    return forge


@case
def tree_of_numbers(place: Path) -> Forge:
    """Nodes whose fields have other types, or numbers beyond every range."""
    return _with_root(
        place,
        node("a", "file", size=-1),
        node("b", "file", size=10**40),
        node("c", "file", mode="rw"),
        node("d", "file", uid=2**70),
        node("e", "file", mtime="not a time"),
        node("f", "file", mtime="99999-01-01T00:00:00Z"),
        node("g", "file", content=["short"]),
        node("h", "file", content={"a": 1}),
        node("i", "dir", subtree="zz" * 32),
        node("j", "dir"),
        node("k", "unheard of"),
        node("l", "symlink"),
        node("m", "symlink", linktarget="x" * 100_000),
        node("n", "file", links=-5, inode=1 << 80, device_id=-1),
        node("o", "file", extended_attributes=[{"name": "user.a", "value": "not base64!"}, {"name": 5}]),
    )


@case
def names_that_lead_out(place: Path) -> Forge:
    """Names that are paths, or nothing, or a NUL, in every kind of node."""
    forge = Forge(place)
    (blob,) = forge.pack(("data", b"planted"))
    inner = forge.tree(node("planted", "file", content=[blob], size=7))
    names = ("..", ".", "", "/", "a/b", "../planted", "/tmp/strongroom-planted", "nul\0byte", "..\0", "//", "\\x2f")
    nodes = [node(name, "file", content=[blob], size=7) for name in names]
    nodes += [node(name, "dir", subtree=inner) for name in names]
    nodes += [node(name, "symlink", linktarget="/tmp") for name in names]
    root = forge.tree(*nodes, node("sound", "file", content=[blob], size=7))
    forge.index()
    forge.snapshot(root)
    return forge


@case
def link_then_folder(place: Path) -> Forge:
    """A link out of the target, and a folder of the same name with a file: writing must not follow the link."""
    forge = Forge(place)
    (blob,) = forge.pack(("data", b"planted"))
    inner = forge.tree(node("planted", "file", content=[blob], size=7))
    outside = str(place.parent / "outside")
    root = forge.tree(
        node("door", "symlink", linktarget=outside),
        node("door", "dir", subtree=inner),
        node("file", "symlink", linktarget=f"{outside}/planted"),
        node("file", "file", content=[blob], size=7),
        node("twin", "dir", subtree=inner),
        node("twin", "symlink", linktarget=outside),
    )
    forge.index()
    forge.snapshot(root)
    return forge


def _with_index(place: Path, **fields: Any) -> Forge:
    """An ordinary tree whose data entries in the index have other fields."""
    forge = Forge(place)
    ids = forge.pack(*(("data", b"content %d" % number) for number in range(5)))
    for blob in forge.entries[0]["blobs"]:
        blob.update(fields)
    root = forge.tree(*(node(f"file{number}", "file", content=[blob], size=9) for number, blob in enumerate(ids)))
    forge.index()
    forge.snapshot(root)
    return forge


for _name, _fields in {
    "beyond_the_pack": {"offset": 1 << 30},
    "far_beyond": {"offset": (1 << 32) - 1, "length": (1 << 32) - 1},
    "of_no_length": {"length": 0},
    "shorter_than_an_envelope": {"length": 31},
    "of_another_type": {"type": "tree"},
    "of_an_unknown_type": {"type": "other"},
    "with_a_huge_promise": {"uncompressed_length": (1 << 32) - 1},
    "with_negative_numbers": {"offset": -1, "length": -5},
    "with_numbers_too_large": {"offset": 1 << 70},
}.items():
    CASES[f"index_entries_{_name}"] = lambda place, fields=_fields: _with_index(place, **fields)  # type: ignore[misc]


@case
def index_of_a_pack_that_is_not_there(place: Path) -> Forge:
    """The index names packs that do not exist."""
    forge = ordinary(place)
    for path in (place / "data").rglob("*"):
        if path.is_file():
            path.unlink()
    return forge


@case
def index_with_lies_beside_the_truth(place: Path) -> Forge:
    """A second index file places every blob elsewhere; another copy of each is where the first says."""
    forge = ordinary(place)
    lies = [
        {"id": os.urandom(32).hex(), "blobs": [dict(blob, offset=5) for blob in entry["blobs"]]}
        for entry in forge.entries
    ]
    forge.index(lies)
    return forge


@case
def swapped_blobs(place: Path) -> Forge:
    """Two blobs have each other's place: valid envelopes, other contents than their IDs."""
    forge = Forge(place)
    first, second = forge.pack(("data", b"the first"), ("data", b"the other"))
    for blob in forge.entries[0]["blobs"]:
        blob["id"] = second if blob["id"] == first else first
    root = forge.tree(node("a", "file", content=[first], size=9), node("b", "file", content=[second], size=9))
    forge.index()
    forge.snapshot(root)
    return forge


@case
def missing_root(place: Path) -> Forge:
    """A snapshot of a tree that is nowhere."""
    forge = ordinary(place)
    forge.snapshot("ab" * 32, time="2025-01-01T00:00:00Z")
    return forge


@case
def snapshot_of_many_paths(place: Path) -> Forge:
    """A snapshot with hostile fields: escape sequences, many paths, a time far off."""
    forge = ordinary(place)
    tree = forge.tree(node("a", "file"))
    forge.index([forge.entries[-1]])
    hostile = "\x1b[2J\x1b]0;title\x07\n--option"
    forge.snapshot(
        tree, time="9999-12-31T23:59:59Z", hostname=hostile, username=hostile, paths=[hostile] * 1000, tags=[hostile]
    )
    return forge


@case
def huge_promises(place: Path) -> Forge:
    """A sparse petabyte: one blob a million times in one file's content, and a size to match."""
    forge = Forge(place)
    (blob,) = forge.pack(("data", b"\0" * 100), frames={0: (zstd_raw(b"\0" * 100), 100)})
    root = forge.tree(node("file", "file", content=[blob] * 200_000, size=1 << 50))
    forge.index()
    forge.snapshot(root)
    return forge
