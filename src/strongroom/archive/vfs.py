"""A snapshot as a file system: what ls, find, dump, diff and stats look at.

A snapshot may come from an intruder. Trees form a graph without cycles, so a few kilobytes can spell 10^12 paths, and
paths can be deeper than any disk has them (threats B-2 and B-3). Whoever lists paths goes by ``walk``, which stops when
a snapshot repeats itself beyond reason; whoever only counts goes by trees and sees each once. Names are bytes as they
were on the source's disk: escape them before they reach a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom._kernel import MAX_DEPTH
from strongroom.base.errors import Damaged, Interrupted, LimitExceeded, Missing, UsageError
from strongroom.base.progress import Reporter
from strongroom.base.record import record
from strongroom.repository.tree_paths import Repeats, is_too_deep, join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from strongroom._kernel import Node, Tree
    from strongroom.repository.opened import Repository


@record
class SnapshotEntry:
    """A node with its absolute path in the snapshot, such as ``b"/home/ann"``."""

    path: bytes
    node: Node

    @property
    def is_dir(self) -> bool:
        """Whether there may be entries below it."""
        return self.node.type == "dir"


class SnapshotView:
    """The tree of a snapshot. ``reporter`` hears of what cannot be read, and says when to stop; ``problems`` counts.

    ``during`` is the verb that looks, for the events of programs.
    """

    def __init__(
        self, repository: Repository, tree: str, reporter: Reporter | None = None, during: str = "reading"
    ) -> None:
        self.repository = repository
        self.tree = tree
        self.reporter = reporter or Reporter()
        self.during = during
        self.problems = 0
        self._last_found: tuple[bytes, SnapshotEntry | None] | None = None

    def problem(self, path: bytes, message: str) -> None:
        """Report something that cannot be read; the rest goes on."""
        self.problems += 1
        self.reporter.error(path, message, self.during)

    def read_tree(self, tree: str, path: bytes) -> Sequence[Node]:
        """The nodes of a tree that stands at ``path``; unreadable ones are reported and left out, whole trees, too."""
        found = self._load(tree, path)
        return [] if found is None else found.nodes

    def _load(self, tree: str, path: bytes) -> Tree | None:
        if self.reporter.stop.is_set():
            raise Interrupted("stopped")
        try:
            found = self.repository.load_tree(tree)
        except (Damaged, LimitExceeded, Missing) as error:
            self.problem(path, str(error))
            return None
        for name, reason in found.skipped:
            self.problem(join(path, name), reason)
        return found

    def subtree(self, entry: SnapshotEntry) -> str | None:
        """The tree of a folder, or None after a report where it has none."""
        if entry.node.subtree is None:
            self.problem(entry.path, "is a folder without a tree")
        return entry.node.subtree

    def find(self, path: bytes) -> SnapshotEntry | None:
        """The entry at a path; None for the root, which has no node of its own.

        Raises ``UsageError`` when there is none, and ``Damaged`` after a report where nobody can know.
        """
        if self._last_found is not None and self._last_found[0] == path:  # a large folder is not read twice
            return self._last_found[1]
        here, found = b"/", None
        tree: str | None = self.tree  # "" of a folder that has none, None below a file
        for part in [part for part in path.split(b"/") if part not in (b"", b".")]:
            folder = self._load(tree, here) if tree else None
            node = folder.find(part) if folder is not None else None
            above, here = here, join(here, part)
            subject = here.decode("utf-8", "backslashreplace")
            if folder is None and tree is not None:
                where = above.decode("utf-8", "backslashreplace")
                raise Damaged(f"cannot be looked up: the folder {where} cannot be read", subject=subject)
            if node is None:
                if folder is not None and any(name == part for name, _ in folder.skipped):
                    raise Damaged("cannot be read", subject=subject)
                raise UsageError("is not in the snapshot", subject=subject)
            found = SnapshotEntry(here, node)
            tree = (self.subtree(found) or "") if found.is_dir else None
        self._last_found = path, found
        return found

    def below(self, subfolder: bytes) -> SnapshotView:
        """This snapshot as seen from one of its folders (``snapshot:subfolder``). Raises ``UsageError``."""
        entry = self.find(subfolder)
        if entry is None:
            return self
        tree = self.subtree(entry) if entry.is_dir else None
        if tree is None:
            raise UsageError("is not a folder", subject=entry.path.decode("utf-8", "backslashreplace"))
        return SnapshotView(self.repository, tree, self.reporter, self.during)

    def walk(
        self, path: bytes = b"/", enter: Callable[[SnapshotEntry], bool] = lambda _: True
    ) -> Iterator[SnapshotEntry]:
        """Every entry below a folder, folders before what is in them, in the order of their names' bytes.

        ``enter(entry)`` says for each folder whether to go into it. Raises ``LimitExceeded`` when the snapshot repeats
        the same folders beyond reason; a chain of folders that is too deep is reported, and the rest goes on.
        """
        entry = self.find(path)
        top = self.tree if entry is None else self.subtree(entry) if entry.is_dir else None
        if top is None:
            return
        repeats = Repeats()
        levels = [self._entries(top, path if entry is None else entry.path, repeats)]
        while levels:
            below = next(levels[-1], None)
            if below is None:
                levels.pop()
                continue
            yield below
            if not below.is_dir or not enter(below):
                continue
            if is_too_deep(below.path, len(levels)):
                self.problem(below.path[:200], f"folders nest more than {MAX_DEPTH} deep; what is below is left out")
                continue
            tree = self.subtree(below)
            if tree is not None:
                levels.append(self._entries(tree, below.path, repeats))

    def _entries(self, tree: str, path: bytes, repeats: Repeats) -> Iterator[SnapshotEntry]:
        nodes = self.read_tree(tree, path)
        repeats.count(tree, len(nodes))
        for node in nodes:
            yield SnapshotEntry(join(path, node.name), node)
