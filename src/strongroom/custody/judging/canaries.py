"""Canaries: paths that nobody has a reason to change. One that is other than it was is a reason for suspicion."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom import _kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom._kernel import Node
    from strongroom.repository.opened import Repository

GONE = ""
"""The mark of a path that is not there."""


def mark(repository: Repository, root: str, path: str) -> str:
    """What stands at a path of a snapshot: a hash of its content, whatever else it is. ``GONE`` for nothing.

    Raises as ``load_tree``.
    """
    parts = [os.fsencode(part) for part in path.split("/") if part]
    tree: str | None = root
    node: Node | None = None
    for part in parts:
        node = repository.load_tree(tree).find(part) if tree is not None else None
        if node is None:
            return GONE
        tree = node.subtree if node.type == "dir" else None
    if node is None:
        return GONE
    target = node.linktarget or b""
    content = "\n".join((node.type, node.subtree or "", *(node.content or ()))).encode() + b"\n" + target
    return _kernel.sha256_hex(content)


def changed(repository: Repository, root: str, canaries: Mapping[str, str]) -> list[str]:
    """The paths that hold something else than they did. Raises as ``load_tree``."""
    return [path for path, wanted in sorted(canaries.items()) if mark(repository, root, path) != wanted]
