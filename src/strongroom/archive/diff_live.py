"""Compare a snapshot with the files as they are now: what a backup would find, without storing anything.

A file whose size, times and inode number are the snapshot's has not changed, which is a backup's rule; any other of
the same size is read, and its pieces are hashed against the blobs of the snapshot.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.archive.contents import blob_size
from strongroom.archive.diff import Comparison, Difference, shown, side_by_side, take_steps
from strongroom.archive.vfs import SnapshotView
from strongroom.base.errors import UsageError
from strongroom.repository.tree_paths import Repeats, is_too_deep, join

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom._kernel import Node
    from strongroom.archive.diff import Side, Steps

_PIECE = 1 << 20


class LiveFolder:
    """A folder of this machine; ``reads_all``: files are read even where nothing hints at a change.

    ``excludes``: restic's patterns of what the backup left out, which is not missed here.
    """

    def __init__(self, path: bytes, *, excludes: Sequence[str] = (), reads_all: bool = False) -> None:
        self.path = path
        self.reads_all = reads_all
        self._filter = _kernel.Filter(excludes=excludes) if excludes else None

    def nodes(self, path: bytes, problem: Callable[[bytes, str], None]) -> list[Node]:
        """The entries of a folder as they are now, without content; what cannot be read goes to ``problem``."""
        try:
            nodes, failed = _kernel.read_nodes(path)
        except OSError as error:
            problem(path, error.strerror or str(error))
            return []
        for text in failed:
            problem(path, text)
        if self._filter is None:
            return nodes
        return [node for node in nodes if not self._filter.excludes(join(path, node.name))]


def compare_with_live(
    view: SnapshotView, path: bytes, live: LiveFolder, found: Callable[[Difference], None], *, metadata: bool = False
) -> Comparison:
    """Call ``found`` for each path that differs, in order, and return the sums; paths are those of this machine.

    What stands at ``path`` in the snapshot is compared with what stands at ``live.path`` now. Sums of bytes are those
    of files. Raises ``UsageError`` for a path that is missing on one side, or no folder there.
    """
    entry = view.find(path)
    tree = view.tree if entry is None else view.subtree(entry) if entry.is_dir else None
    shown = os.fsdecode(live.path)
    if tree is None:
        raise UsageError("is not a folder in the snapshot", subject=os.fsdecode(path))
    if not os.path.isdir(live.path):
        raise UsageError("is not a folder on this machine", subject=shown)
    work = _Live(view, live, found, metadata)
    take_steps(work.folder(live.path, tree, 0))
    work.sums.problems = view.problems
    return work.sums


class _Live:
    def __init__(
        self, view: SnapshotView, live: LiveFolder, found: Callable[[Difference], None], metadata: bool
    ) -> None:
        self._view = view
        self._live = live
        self._found = found
        self._metadata = metadata
        self._repeats = Repeats()
        self.sums = Comparison()

    def folder(self, path: bytes, tree: str, depth: int) -> Steps:
        """Compare a folder, handing out the folders below it."""
        if self._too_deep(path, depth):
            return
        before = self._view.read_tree(tree, path)
        self._repeats.count(tree, len(before))
        for name, old, new in side_by_side(before, self._live.nodes(path, self._view.problem)):
            here = join(path, name)
            if old is not None and new is not None:
                yield from self._both(here, old, new, depth)
            elif old is not None:
                yield from self._gone(here, old, depth)
            elif new is not None:
                yield from self._came(here, new, depth)

    def _both(self, path: bytes, old: Node, new: Node, depth: int) -> Steps:
        if old.type != new.type:
            self._found(Difference(shown(path, new), "T"))
            if old.type == "dir" and old.subtree:
                yield self._all_gone(path, old.subtree, depth + 1)
            if new.type == "dir":
                yield self._all_came(path, depth + 1)
            return
        modifier = ""
        if old.type == "file" and self._content_differs(path, old, new):
            modifier = "M"
            self.sums.changed_files += 1
        elif self._metadata and _metadata(old) != _metadata(new):
            modifier = "U"
        if modifier:
            self._found(Difference(shown(path, new), modifier))
        if old.type == "dir" and old.subtree:
            yield self.folder(path, old.subtree, depth + 1)

    def _content_differs(self, path: bytes, old: Node, new: Node) -> bool:
        if old.size != new.size:
            return True
        same = (old.mtime.ns, old.ctime.ns, old.inode) == (new.mtime.ns, new.ctime.ns, new.inode)
        if same and not self._live.reads_all:
            return False
        try:
            return not self._holds(path, old.content or [])
        except OSError as error:
            self._view.problem(path, error.strerror or str(error))
            return False

    def _holds(self, path: bytes, content: Sequence[str]) -> bool:
        """Whether a file consists of these blobs now."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            for blob in content:
                left, hashed = blob_size(self._view.repository, "data", blob), hashlib.sha256()
                while left:
                    piece = file.read(min(left, _PIECE))
                    if not piece:
                        return False
                    hashed.update(piece)
                    left -= len(piece)
                if hashed.hexdigest() != blob:
                    return False
            return not file.read(1)

    def _gone(self, path: bytes, node: Node, depth: int) -> Steps:
        self._only(self.sums.removed, Difference(shown(path, node), "-"), node)
        if node.type == "dir" and node.subtree:
            yield self._all_gone(path, node.subtree, depth + 1)

    def _all_gone(self, path: bytes, tree: str, depth: int) -> Steps:
        if self._too_deep(path, depth):
            return
        nodes = self._view.read_tree(tree, path)
        self._repeats.count(tree, len(nodes))
        for node in nodes:
            yield from self._gone(join(path, node.name), node, depth)

    def _came(self, path: bytes, node: Node, depth: int) -> Steps:
        self._only(self.sums.added, Difference(shown(path, node), "+"), node)
        if node.type == "dir":
            yield self._all_came(path, depth + 1)

    def _all_came(self, path: bytes, depth: int) -> Steps:
        if self._too_deep(path, depth):
            return
        for node in self._live.nodes(path, self._view.problem):
            yield from self._came(join(path, node.name), node, depth)

    def _only(self, side: Side, difference: Difference, node: Node) -> None:
        self._found(difference)
        side.add(node)
        side.bytes += node.size if node.type == "file" else 0

    def _too_deep(self, path: bytes, depth: int) -> bool:
        deep = is_too_deep(path, depth)
        if deep:
            self._view.problem(path[:200], "lies too deep; what is below is left out")
        return deep


def _metadata(node: Node) -> tuple[object, ...]:
    """What a restore brings back of an entry, apart from its content."""
    attributes = sorted(node.extended_attributes)
    return node.mode, node.uid, node.gid, node.mtime.ns, node.linktarget, node.device, attributes
