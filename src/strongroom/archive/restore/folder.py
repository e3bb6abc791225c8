"""From ``snapshot:subfolder`` to the tree that is meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError

if TYPE_CHECKING:
    from strongroom.repository.opened import Repository


def folder_tree(repository: Repository, root: str, subfolder: str) -> str:
    """The ID of the tree of a folder below the tree ``root``; slashes around it do not count.

    Raises ``UsageError`` when there is no such folder, and what loading a tree raises.
    """
    tree = root
    passed = ""
    for part in subfolder.split("/"):
        if part in ("", "."):
            continue
        passed = f"{passed}/{part}"
        name = os.fsencode(part)
        node = next((node for node in repository.load_tree(tree).nodes if node.name == name), None)
        if node is None:
            raise UsageError("the snapshot has no such folder", subject=passed)
        if node.subtree is None:
            raise UsageError("is not a folder in the snapshot", subject=passed)
        tree = node.subtree
    return tree
