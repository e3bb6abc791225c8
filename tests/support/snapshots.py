"""Snapshots out of dictionaries: a folder is a dictionary, a file is bytes; equal ones become the same blobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from strongroom.archive.vfs import SnapshotView
from strongroom.repository.opening import open_repository
from strongroom.storage.local.store import LocalStore
from tests.support.command import PASSWORD
from tests.support.forge import Forge, dumps, node, sha
from tests.support.repositories import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from strongroom.repository.opened import Repository

Folder = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "Bc", "foo", "foo.txt", "é"])
FOLDERS: st.SearchStrategy[Folder] = st.recursive(
    st.dictionaries(NAMES, st.sampled_from([b"", b"one", b"two", b"three"]), max_size=3),
    lambda inner: st.dictionaries(NAMES, inner | st.sampled_from([b"", b"one", b"two"]), max_size=3),
    max_leaves=12,
)


def paths(folder: Folder, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every path with what is there, folders before what is in them, in the order of names."""
    for name in sorted(folder, key=lambda name: name.encode()):
        yield f"{at}/{name}", folder[name]
        if isinstance(folder[name], dict):
            yield from paths(folder[name], f"{at}/{name}")


def add(forge: Forge, folder: Folder) -> str:
    """Store a folder's trees and files in one pack of each; the root tree's ID. Index and snapshot are yours."""
    data: dict[str, Any] = {}
    trees: dict[str, bytes] = {}

    def tree(part: Folder) -> str:
        nodes = []
        for name in sorted(part, key=lambda name: name.encode()):
            content = part[name]
            if isinstance(content, dict):
                nodes.append(node(name, "dir", subtree=tree(content)))
            else:
                blobs = [sha(content)] if content else []
                data.update(dict.fromkeys(blobs, content))
                nodes.append(node(name, "file", content=blobs, size=len(content), links=1, inode=1))
        text = dumps({"nodes": nodes}) + b"\n"
        trees[sha(text)] = text
        return sha(text)

    root = tree(folder)
    if data:
        forge.pack(*(("data", content) for content in data.values()))
    forge.pack(*(("tree", content) for content in trees.values()))
    return root


def opened(place: Path) -> Repository:
    """What the forge made, opened with its index loaded."""
    repository = open_repository(LocalStore(str(place)), PASSWORD.encode(), surroundings=Machine().surroundings)
    repository.load_index()
    return repository


def views(place: Path, *folders: Folder) -> list[SnapshotView]:
    """A new repository with these folders as snapshots, seen from their roots."""
    forge = Forge(place)
    roots = [add(forge, folder) for folder in folders]
    forge.index()
    repository = opened(place)
    return [SnapshotView(repository, root) for root in roots]
