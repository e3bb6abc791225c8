"""What a snapshot measures: how much it holds, and what changed since another one. From trees; no file data is read."""

from __future__ import annotations

import posixpath
from collections import Counter
from typing import TYPE_CHECKING

from strongroom.base.record import field, mutable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strongroom._kernel import Node
    from strongroom.repository.opened import Repository

MAX_NODES = 5_000_000
"""How many entries are looked at for one snapshot; what is beyond is not counted, and said (threats B-2, B-3)."""
_LONGEST_EXTENSION = 12

Totals = tuple[int, int]
"""Files, and their bytes."""


@mutable
class Changes:
    """What is other than in an earlier snapshot. Sizes in bytes; extensions in lower case, without their dot."""

    files_new: int = 0
    files_changed: int = 0
    files_removed: int = 0
    bytes_new: int = 0
    """Of new and changed files."""
    old_mtime_changed: int = 0
    """Files whose content changed though their time of modification did not."""
    removed_by_extension: Counter[str] = field(default_factory=Counter)
    new_by_extension: Counter[str] = field(default_factory=Counter)
    left_out: bool = False
    """Whether the budget ended before all was compared."""


def extension_of(name: bytes) -> str:
    """What stands behind the last dot, at most twelve bytes; empty for names without one."""
    dotted = posixpath.splitext(name)[1][1:]
    return dotted.decode("utf-8", "replace").lower() if len(dotted) <= _LONGEST_EXTENSION else ""


def totals(repository: Repository, root: str, known: Mapping[str, Totals]) -> tuple[Totals, dict[str, Totals]]:
    """Files and bytes below a tree, and those of each tree below it that was not ``known``.

    Every tree is to be in the repository's index. Raises as ``load_tree``. What one tree holds several times counts
    each time, as in a restore.
    """
    found: dict[str, Totals] = {}

    def counted(tree: str) -> Totals | None:
        return known.get(tree) or found.get(tree)

    stack: list[str] = [root]
    while stack:
        tree = stack[-1]
        if counted(tree) is not None:
            stack.pop()
            continue
        nodes = repository.load_tree(tree).nodes
        below = [node.subtree for node in nodes if node.type == "dir" and node.subtree]
        waiting = [subtree for subtree in set(below) if counted(subtree) is None]
        if waiting:
            stack += waiting
            continue
        files = [node.size for node in nodes if node.type == "file"]
        parts = [counted(subtree) or (0, 0) for subtree in below]
        found[tree] = len(files) + sum(part[0] for part in parts), sum(files) + sum(part[1] for part in parts)
        stack.pop()
    return counted(root) or (0, 0), found


def changes(repository: Repository, old: str | None, new: str) -> Changes:
    """Compare two trees, or a tree with nothing; folders that are the same are not read. Raises as ``load_tree``."""
    result = Changes()
    waiting: list[tuple[str | None, str | None]] = [(old, new)]
    seen: set[tuple[str | None, str | None]] = set()
    looked_at = 0
    while waiting:
        pair = waiting.pop()
        if pair in seen or pair[0] == pair[1]:
            continue
        seen.add(pair)
        before, after = _nodes(repository, pair[0]), _nodes(repository, pair[1])
        looked_at += len(before) + len(after)
        if looked_at > MAX_NODES:
            result.left_out = True
            break
        for one, two in _side_by_side(before, after):
            _count(result, one, two)
            subtrees = (_subtree(one), _subtree(two))
            if subtrees != (None, None):
                waiting.append(subtrees)
    return result


def _nodes(repository: Repository, tree: str | None) -> dict[bytes, Node]:
    return {node.name: node for node in repository.load_tree(tree).nodes} if tree is not None else {}


def _side_by_side(old: dict[bytes, Node], new: dict[bytes, Node]) -> Iterator[tuple[Node | None, Node | None]]:
    for name in old.keys() | new.keys():
        yield old.get(name), new.get(name)


def _subtree(node: Node | None) -> str | None:
    return node.subtree if node is not None and node.type == "dir" else None


def _count(result: Changes, old: Node | None, new: Node | None) -> None:
    was, is_now = _is_file(old), _is_file(new)
    if was is not None and is_now is not None:
        if was.content != is_now.content:
            result.files_changed += 1
            result.bytes_new += is_now.size
            result.old_mtime_changed += was.mtime.ns == is_now.mtime.ns
    elif is_now is not None:
        result.files_new += 1
        result.bytes_new += is_now.size
        result.new_by_extension[extension_of(is_now.name)] += 1
    elif was is not None:
        result.files_removed += 1
        result.removed_by_extension[extension_of(was.name)] += 1


def _is_file(node: Node | None) -> Node | None:
    return node if node is not None and node.type == "file" else None
