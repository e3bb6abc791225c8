"""How much snapshots hold, counted in restic's four ways. Trees are read once, however often they stand somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom._kernel import MAX_DEPTH
from strongroom.archive.contents import ENVELOPE
from strongroom.archive.vfs import SnapshotView
from strongroom.base.errors import UsageError
from strongroom.base.objects import Kind
from strongroom.base.record import field, mutable
from strongroom.repository.tree_paths import is_too_deep, join

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom._kernel import Node
    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository

MODES = ("restore-size", "files-by-contents", "blobs-per-file", "raw-data")


@mutable
class Statistics:
    """The result; what a mode does not count stays 0. Sizes in bytes."""

    snapshots_count: int = 0
    total_size: int = 0
    total_file_count: int = 0
    total_blob_count: int = 0
    total_uncompressed_size: int = 0
    compressed_blobs_size: int = 0
    """raw-data: bytes of the blobs that are compressed, as stored."""
    compressed_blobs_uncompressed_size: int = 0
    """raw-data: bytes of the same blobs before compression."""
    compressed_blobs_count: int = 0
    problems: int = 0


def count(repository: Repository, trees: Iterable[str], mode: str, reporter: Reporter | None = None) -> Statistics:
    """Count the snapshots whose root trees these are. Raises ``UsageError`` for another mode.

    * ``restore-size``: the bytes and entries that a restore of all of them would write, hard links once;
    * ``files-by-contents``: distinct files by content;
    * ``blobs-per-file``: the blobs of each path, once for each path;
    * ``raw-data``: the distinct blobs that they need, as they are stored.
    """
    counters = {
        "restore-size": _RestoreSize,
        "files-by-contents": _FilesByContents,
        "blobs-per-file": _BlobsPerFile,
        "raw-data": _RawData,
    }
    if mode not in counters:
        raise UsageError("is no way to count", subject=f"--mode {mode}", hint=f"There are {', '.join(MODES)}.")
    result = Statistics()
    counter = counters[mode](repository, result)
    counter.lost = lost_packs(repository)
    for tree in trees:
        view = SnapshotView(repository, tree, reporter, "stats")
        counter.snapshot(view)
        result.snapshots_count += 1
        result.problems += view.problems
    counter.finish()
    return result


def lost_packs(repository: Repository) -> frozenset[str]:
    """The packs that the index names and that the store does not list."""
    there = {info.name.name for info in repository.store.list(Kind.DATA)}
    return frozenset(pack for pack in repository.index.packs() if pack not in there)


class _Counter:
    """Visits each tree once over all snapshots."""

    def __init__(self, repository: Repository, result: Statistics) -> None:
        self.repository = repository
        self.result = result
        self.lost: frozenset[str] = frozenset()
        """Packs that the index names and the store does not have."""
        self._seen: set[bytes] = set()

    def must_be_there(self, view: SnapshotView, path: bytes, node: Node) -> None:
        """Report the blobs of an entry that are in no index, or in no pack that is there. They are not read."""
        for blob in node.content or ():
            if not self.repository.index.contains("data", blob):
                view.problem(path, f"data blob {blob} is in no index")
            elif self.lost and all(place.pack in self.lost for place in self.repository.locations("data", blob)):
                pack = self.repository.locations("data", blob)[0].pack
                view.problem(path, f"data blob {blob} is lost with its pack data/{pack}")

    def snapshot(self, view: SnapshotView) -> None:
        pending = [(view.tree, b"/", 0)]
        while pending:
            tree, path, depth = pending.pop()
            number = bytes.fromhex(tree)
            if number in self._seen:
                continue
            if is_too_deep(path, depth):
                view.problem(path[:200], f"folders nest more than {MAX_DEPTH} deep; what is below is left out")
                continue
            self._seen.add(number)
            self.tree(tree)
            for node in view.read_tree(tree, path):
                here = join(path, node.name)
                if node.subtree is not None:
                    pending.append((node.subtree, here, depth + 1))
                self.must_be_there(view, here, node)
                self.entry(here, node)

    def tree(self, tree: str) -> None:
        """A tree is visited."""

    def entry(self, path: bytes, node: Node) -> None:
        """An entry of a tree is visited, a file or not."""

    def finish(self) -> None:
        """All is visited."""


class _FilesByContents(_Counter):
    """An entry whose list of blobs was met before does not count.

    As in restic that is any entry: all that has no content, folders and links too, counts as one empty file.
    """

    def __init__(self, repository: Repository, result: Statistics) -> None:
        super().__init__(repository, result)
        self._contents = _kernel.DigestSet()

    def entry(self, path: bytes, node: Node) -> None:
        if self._contents.add_content(node):
            self.distinct(path, node)

    def distinct(self, path: bytes, node: Node) -> None:  # noqa: ARG002
        self.result.total_file_count += 1
        self.result.total_size += node.size


class _BlobsPerFile(_FilesByContents):
    """Of the files that differ in content, each blob counts once for each path."""

    def __init__(self, repository: Repository, result: Statistics) -> None:
        super().__init__(repository, result)
        self._uses = _kernel.DigestSet()
        self._paths = _kernel.DigestSet()

    def distinct(self, path: bytes, node: Node) -> None:
        if node.content and self._paths.add(path):
            self.result.total_file_count += 1
        uses, size = self._uses.add_uses(path, node, self.repository.index)
        self.result.total_blob_count += uses
        self.result.total_size += size


class _RawData(_Counter):
    def __init__(self, repository: Repository, result: Statistics) -> None:
        super().__init__(repository, result)
        self._blobs = _kernel.BlobSet()

    def tree(self, tree: str) -> None:
        self._blobs.add("tree", tree)

    def entry(self, path: bytes, node: Node) -> None:  # noqa: ARG002
        if node.type == "file":
            self._blobs.add_content(node)

    def finish(self) -> None:
        result, totals = self.result, self._blobs.totals(self.repository.index)
        result.total_blob_count = totals.indexed
        result.total_size = totals.stored
        if self.repository.version > 1:  # with the envelope of each blob, as restic counts it
            result.total_uncompressed_size = totals.plain + ENVELOPE * totals.indexed
        result.compressed_blobs_count = totals.compressed
        result.compressed_blobs_size = totals.compressed_stored
        result.compressed_blobs_uncompressed_size = totals.compressed_plain + ENVELOPE * totals.compressed


@mutable
class _Sum:
    """What is below a tree: entries, bytes of files with one name, and whether it has files with several."""

    entries: int = 0
    size: int = 0
    linked: bool = False


@mutable
class _Frame:
    tree: str
    path: bytes
    sum: _Sum = field(default_factory=_Sum)
    pending: list[tuple[bytes, str]] = field(default_factory=list)


class _RestoreSize(_Counter):
    """Adds up sums of trees, so that 10^12 paths cost no more than the trees that spell them.

    A file with several names counts once in a snapshot, so trees that hold one are gone through again in each
    snapshot, and those without are not.
    """

    def __init__(self, repository: Repository, result: Statistics) -> None:
        super().__init__(repository, result)
        self._sums: dict[bytes, _Sum] = {}

    def snapshot(self, view: SnapshotView) -> None:
        self._sums = {number: known for number, known in self._sums.items() if not known.linked}
        inodes: set[tuple[int, int]] = set()
        stack = [self._open(view, view.tree, b"/", inodes)]
        while stack:
            frame = stack[-1]
            if not frame.pending:
                stack.pop()
                self._sums[bytes.fromhex(frame.tree)] = frame.sum
                if stack:
                    _include(stack[-1].sum, frame.sum)
                continue
            path, tree = frame.pending.pop()
            known = self._sums.get(bytes.fromhex(tree))
            if known is not None:
                _include(frame.sum, known)
            elif is_too_deep(path, len(stack)):
                view.problem(path[:200], f"folders nest more than {MAX_DEPTH} deep; what is below is left out")
            else:
                stack.append(self._open(view, tree, path, inodes))
        total = self._sums[bytes.fromhex(view.tree)]
        self.result.total_file_count += total.entries
        self.result.total_size += total.size

    def _open(self, view: SnapshotView, tree: str, path: bytes, inodes: set[tuple[int, int]]) -> _Frame:
        frame = _Frame(tree, path)
        for node in view.read_tree(tree, path):
            frame.sum.entries += 1
            self.must_be_there(view, join(path, node.name), node)
            if node.subtree is not None:
                frame.pending.append((join(path, node.name), node.subtree))
            elif node.links > 1 and node.inode:
                frame.sum.linked = True
                if (node.inode, node.device_id) not in inodes:
                    inodes.add((node.inode, node.device_id))
                    self.result.total_size += node.size
            else:
                frame.sum.size += node.size
        return frame


def _include(above: _Sum, below: _Sum) -> None:
    above.entries += below.entries
    above.size += below.size
    above.linked |= below.linked
