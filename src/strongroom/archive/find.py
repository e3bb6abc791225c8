"""Search snapshots: for names by pattern and time, for blobs, trees and packs by ID."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from strongroom import _kernel
from strongroom._kernel import MAX_DEPTH
from strongroom.archive.vfs import SnapshotEntry, SnapshotView
from strongroom.base.record import record
from strongroom.repository.tree_paths import Repeats, is_too_deep, join

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from strongroom.repository.opened import Repository


@record
class NameQuery:
    """``patterns`` as restic's filters have them; times are the modification time in nanoseconds, bounds included."""

    patterns: tuple[bytes | str, ...]
    ignore_case: bool = False
    oldest_ns: int | None = None
    newest_ns: int | None = None


_Steps: TypeAlias = "Generator[_Steps, bool | None, bool]"
"""A search in a folder that hands out those in the folders below, and is told what each of them said."""


def _exhaust(search: _Steps) -> None:
    """Go on with a search until it is over. Folders nest deeper than Python's calls may, so none calls another."""
    waiting: list[_Steps] = [search]
    answer: bool | None = None
    while waiting:
        try:
            waiting.append(waiting[-1].send(answer))
            answer = None
        except StopIteration as end:
            waiting.pop()
            answer = end.value


class NameSearch:
    """Looks for names in one snapshot after the other, and never twice into a tree in which nothing was found.

    A pattern with a slash depends on where a tree stands, so with such a pattern nothing is remembered.
    """

    def __init__(self, query: NameQuery) -> None:
        self._query = query
        one = {"iincludes" if query.ignore_case else "includes": query.patterns}
        self._filter = _kernel.Filter(**one)
        self._anywhere = not any(b"/" in os.fsencode(p) for p in query.patterns)
        self._barren: set[bytes] = set()

    def search(self, view: SnapshotView, found: Callable[[SnapshotEntry], None]) -> None:
        """Call ``found`` for each match in a snapshot, in the order of paths. Raises ``LimitExceeded`` as ``walk``."""
        _exhaust(_Search(self, view, found).folder(view.tree, b"/", 0))

    def matches(self, entry: SnapshotEntry) -> tuple[bool, bool]:
        """Whether the patterns take an entry, with all that is below it, and whether they may take something below."""
        return self._filter.select(entry.path, entry.is_dir)

    def in_time(self, entry: SnapshotEntry) -> bool:
        """Whether an entry was modified within the bounds."""
        oldest, newest, mtime = self._query.oldest_ns, self._query.newest_ns, entry.node.mtime.ns
        return (oldest is None or oldest <= mtime) and (newest is None or mtime <= newest)

    def is_barren(self, tree: bytes) -> bool:
        """Whether this tree was searched already, in vain."""
        return tree in self._barren

    def remember_barren(self, tree: bytes) -> None:
        """Nothing in this tree matches, wherever it stands."""
        if self._anywhere:
            self._barren.add(tree)


class _Search:
    """One pass over one snapshot."""

    def __init__(self, search: NameSearch, view: SnapshotView, found: Callable[[SnapshotEntry], None]) -> None:
        self._search = search
        self._view = view
        self._found = found
        self._repeats = Repeats()

    def folder(self, tree: str, path: bytes, depth: int, inside: bool = False) -> _Steps:
        """Search a tree; say whether anything was found in it, or could not be read.

        ``inside``: the patterns take a folder above, and so all that is here. Then it says nothing of the tree itself
        when it holds nothing, and nothing of this place what was remembered of the tree.
        """
        number = bytes.fromhex(tree)
        if not inside and self._search.is_barren(number):
            return False
        if is_too_deep(path, depth):
            self._view.problem(path[:200], f"folders nest more than {MAX_DEPTH} deep; what is below is left out")
            return True
        problems = self._view.problems
        nodes = self._view.read_tree(tree, path)
        self._repeats.count(tree, len(nodes))
        any_found = self._view.problems != problems
        for node in nodes:
            entry = SnapshotEntry(join(path, node.name), node)
            taken, below = self._search.matches(entry)
            if taken and self._search.in_time(entry):
                any_found = True
                self._found(entry)
            if entry.is_dir and (taken or below):
                subtree = self._view.subtree(entry)
                any_found |= subtree is None or bool(
                    (yield self.folder(subtree, entry.path, depth + 1, inside or taken))
                )
        if not any_found and not inside:
            self._search.remember_barren(number)
        return any_found


@record
class ObjectQuery:
    """Whole IDs of blobs to look for, by type."""

    data: frozenset[str] = frozenset()
    trees: frozenset[str] = frozenset()


@record
class FoundObject:
    """Where a blob is used: the path of the file or folder, and the ID of the tree that names it (none for a root)."""

    kind: str
    id: str
    path: bytes
    parent_tree: str


class ObjectSearch:
    """Looks for blobs in one snapshot after the other.

    Every path is reported; a tree without a use is not read again, neither elsewhere nor in later snapshots.
    """

    def __init__(self, query: ObjectQuery) -> None:
        self._query = query
        self._barren: set[bytes] = set()

    def search(self, view: SnapshotView, found: Callable[[FoundObject], None]) -> None:
        """Call ``found`` for each use of a blob that was asked for. Raises ``LimitExceeded`` as ``walk``."""
        if view.tree in self._query.trees:
            found(FoundObject("tree", view.tree, b"/", ""))
        _exhaust(self._folder(view, found, Repeats(), view.tree, b"/", 0))

    def _folder(
        self,
        view: SnapshotView,
        found: Callable[[FoundObject], None],
        repeats: Repeats,
        tree: str,
        path: bytes,
        depth: int,
    ) -> _Steps:
        """Search a tree; say whether anything was found in it, or may be."""
        number = bytes.fromhex(tree)
        if number in self._barren:
            return False
        if is_too_deep(path, depth):
            view.problem(path[:200], f"folders nest more than {MAX_DEPTH} deep; what is below is left out")
            return True
        problems, any_found = view.problems, False
        nodes = view.read_tree(tree, path)
        repeats.count(tree, len(nodes))
        for node in nodes:
            here = join(path, node.name)
            if node.subtree is not None:
                if node.subtree in self._query.trees:
                    found(FoundObject("tree", node.subtree, here, tree))
                    any_found = True
                if (yield self._folder(view, found, repeats, node.subtree, here, depth + 1)):
                    any_found = True
            elif node.content and self._query.data:
                for blob in self._query.data.intersection(node.content):
                    found(FoundObject("blob", blob, here, tree))
                    any_found = True
        if not any_found and view.problems == problems:
            self._barren.add(number)
        return any_found


def blobs_of_packs(repository: Repository, packs: Iterable[str]) -> ObjectQuery:
    """The blobs that lie in some packs (whole IDs), by the index."""
    data: set[str] = set()
    trees: set[str] = set()
    for pack in packs:
        for entry in repository.index.pack_entries(pack):
            (trees if entry.kind == "tree" else data).add(entry.id)
    return ObjectQuery(frozenset(data), frozenset(trees))
