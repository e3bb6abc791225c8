"""What of a snapshot a repository lacks, by path: asked once something could not be brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, Missing
from strongroom.repository.tree_paths import is_too_deep, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom._kernel import Index
    from strongroom.repository.opened import Repository

_PATHS = 20
"""So many paths are named for one snapshot; the rest is counted."""


def lacking(source: Repository, tree: str, has: Index) -> list[str]:
    """A line for each path below ``tree`` whose blobs ``has`` does not name, or that cannot be read; empty if whole.

    Trees are read from ``source``, each once. Twenty lines at most, and one that counts the others.
    """
    found: list[str] = []
    more = 0
    for line in _lines(source, tree, has):
        if len(found) < _PATHS:
            found.append(line)
        else:
            more += 1
    return found + ([f"and {more} more"] if more else [])


def _lines(source: Repository, tree: str, has: Index) -> Iterator[str]:
    seen: set[bytes] = set()
    waiting: list[tuple[str, bytes, int]] = [(tree, b"/", 0)]
    while waiting:
        tree, path, depth = waiting.pop()
        if bytes.fromhex(tree) in seen:
            continue
        seen.add(bytes.fromhex(tree))
        if is_too_deep(path, depth):
            yield f"{_text(path[:200])}: folders nest too deep"
            continue
        if not has.contains("tree", tree):
            yield f"{_text(path)}: tree {tree} could not be copied"
        try:
            nodes = source.load_tree(tree, strict=True).nodes
        except (Damaged, LimitExceeded, Missing) as problem:
            yield f"{_text(path)}: tree {tree}: {problem.what}"
            continue
        for node in nodes:
            here = join(path, node.name)
            if node.subtree is not None:
                waiting.append((node.subtree, here, depth + 1))
            blob = next((blob for blob in node.content or () if not has.contains("data", blob)), None)
            if blob is not None:
                yield f"{_text(here)}: data blob {blob} could not be copied"


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
