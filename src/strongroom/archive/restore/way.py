"""The folders of a snapshot that are only on the way to what was saved: of those it holds no whole list."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from strongroom.base.errors import StrongroomError

if TYPE_CHECKING:
    from strongroom.repository.opened import Repository

_Parts: TypeAlias = tuple[bytes, ...]


def on_the_way(repository: Repository, tree: str, sources: Sequence[str], subfolder: str = "") -> frozenset[bytes]:
    """The folders below ``tree``, as paths (``b""`` for itself), that hold nothing but the way to a source.

    ``tree`` is the tree of ``subfolder`` in a snapshot of ``sources``. A snapshot does not say where its sources lie
    in it: an absolute path lies at its whole length, a relative one at an end of it (``cd /srv; backup data`` gives
    ``/srv/data`` as the path and ``/data`` in the tree; of ``backup .`` the end is empty). So a folder counts as one on
    the way when all it holds leads on along a path, or an end of one. What cannot be read is left to the restore.
    """
    paths = [_parts(source) for source in sources]
    whole = set(paths)
    ends = {path[start:] for path in paths for start in range(len(path))}
    found: set[bytes] = set()
    base = tuple(part for part in _parts(subfolder) if part != b".")
    waiting: list[tuple[_Parts, str]] = [(base, tree)]
    while waiting:
        here, identity = waiting.pop()
        onwards = {end[len(here)] for end in ends if len(end) > len(here) and end[: len(here)] == here}
        if not onwards or here in whole:
            continue
        try:
            nodes = repository.load_tree(identity).nodes
        except StrongroomError:
            continue
        if not nodes or any(node.name not in onwards for node in nodes):
            continue
        found.add(b"".join(b"/" + part for part in here[len(base) :]))
        waiting.extend(((*here, node.name), node.subtree) for node in nodes if node.subtree is not None)
    return frozenset(found)


def _parts(path: str) -> _Parts:
    return tuple(part for part in os.fsencode(path).split(b"/") if part)
