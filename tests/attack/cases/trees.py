"""Trees that grow, nest or lead out, and nodes that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.attack.cases.registry import case
from tests.support.forge import Forge, dumps, node, sha


def _with_root(place: Path, *nodes: dict[str, Any]) -> Forge:
    forge = Forge(place)
    root = forge.tree(*nodes)
    forge.index()
    forge.snapshot(root)
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
