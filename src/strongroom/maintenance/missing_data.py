"""Which files of which snapshots are hit by what is missing: the paths, for a person who decides what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Interrupted, LimitExceeded, Missing
from strongroom.base.record import field, record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import Listed

MOST_LINES = 200
"""A repository that lost a pack may have lost a piece of every file; this much tells what it is about."""


@record
class Missed:
    """What is missing: faults as ``read_trees`` tells them, or blobs by type and ID."""

    faults: Sequence[tuple[str, str]] = ()
    blobs: AbstractSet[tuple[str, str]] = field(default_factory=frozenset)


def where_missing(
    repository: Repository, snapshots: Sequence[Listed], missed: Missed, reporter: Reporter
) -> Iterator[tuple[str, str]]:
    """Item and message for each thing that is missing, with snapshot and path of the first place that needs it.

    ``MOST_LINES`` at most, and another that says so. Raises ``Interrupted`` and errors of the store.
    """
    faults: dict[str, list[str]] = {}
    for item, message in missed.faults:
        faults.setdefault(item.removeprefix("tree "), []).append(message)
    lines = 0
    seen: set[str] = set()
    for name, snapshot in snapshots:
        for path, tree in _folders(repository, snapshot.tree, seen, reporter):
            place = f"{name[:8]}:{path}"
            for message in faults.pop(tree, ()):
                yield f"tree {tree}", f"{message} ({place})"
                lines += 1
            if ("tree", tree) in missed.blobs:
                yield f"tree {tree}", f"is damaged in every copy ({place})"
                lines += 1
            for file, blob in _hit(repository, tree, missed.blobs):
                yield f"data blob {blob}", f"is damaged in every copy ({place.rstrip('/')}/{file})"
                lines += 1
            if lines >= MOST_LINES:
                yield "", "more is missing than is listed here; `strongroom check` lists all"
                return
    for tree, messages in faults.items():
        for message in messages:
            yield f"tree {tree}", message


def _folders(repository: Repository, root: str, seen: set[str], reporter: Reporter) -> Iterator[tuple[str, str]]:
    """Path and tree of each folder that was not seen before. Those that cannot be read have nothing below them."""
    waiting = [("/", root)]
    while waiting:
        if reporter.stop.is_set():
            raise Interrupted("stopped")
        path, tree = waiting.pop()
        if tree in seen:
            continue
        seen.add(tree)
        yield path, tree
        try:
            nodes = repository.load_tree(tree).nodes
        except (Damaged, LimitExceeded, Missing):
            continue
        below = [
            (f"{path.rstrip('/')}/{node.name.decode('utf-8', 'backslashreplace')}", node.subtree)
            for node in nodes
            if node.subtree is not None
        ]
        waiting += reversed(below)


def _hit(repository: Repository, tree: str, blobs: AbstractSet[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Name and blob of the files of a folder that need one of these."""
    if not any(kind == "data" for kind, _ in blobs):
        return
    try:
        nodes = repository.load_tree(tree).nodes
    except (Damaged, LimitExceeded, Missing):
        return
    for node in nodes:
        for blob in node.content or ():
            if ("data", blob) in blobs:
                yield node.name.decode("utf-8", "backslashreplace"), blob
                break
