"""Compare two snapshots: which paths came, went and changed, and which blobs that cost (restic's rules and signs)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.archive.view import MAX_DEPTH, Repeats, SnapshotView, join
from strongroom.base.record import field, mutable, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom._kernel import Node
    from strongroom.repository.opened import Repository

ENVELOPE = 32
"""What encryption adds to a blob that is not compressed, in bytes."""


@record
class Difference:
    """One path that differs; folders end with a slash.

    ``modifier`` is made of restic's signs: ``+`` came, ``-`` went, ``M`` other content, ``T`` other type, ``U`` other
    metadata, ``?`` the same metadata around other content, which hints at decay.
    """

    path: bytes
    modifier: str


@mutable
class Side:
    """What only one of the snapshots has. ``bytes`` counts plaintext of blobs."""

    files: int = 0
    dirs: int = 0
    others: int = 0
    data_blobs: int = 0
    tree_blobs: int = 0
    bytes: int = 0

    def add(self, node: Node) -> None:
        """Count an entry."""
        if node.type == "file":
            self.files += 1
        elif node.type == "dir":
            self.dirs += 1
        else:
            self.others += 1


@mutable
class Comparison:
    """The sum of a comparison; ``problems`` counts what could not be read."""

    changed_files: int = 0
    added: Side = field(default_factory=Side)
    removed: Side = field(default_factory=Side)
    problems: int = 0


_Blob = tuple[str, bytes]


def compare(
    old: SnapshotView, new: SnapshotView, found: Callable[[Difference], None], *, metadata: bool = False
) -> Comparison:
    """Call ``found`` for each path that differs, in order, and return the sums.

    ``metadata``: report paths of which only metadata differ. Blobs are counted against the whole of the other
    snapshot, as restic does. Raises ``LimitExceeded`` for snapshots that repeat themselves beyond reason.
    """
    work = _Compare(old, new, found, metadata)
    work.folders(b"/", old.tree, new.tree, 0)
    work.sums.problems = old.problems + new.problems
    work.count_blobs()
    return work.sums


class _Compare:
    def __init__(
        self, old: SnapshotView, new: SnapshotView, found: Callable[[Difference], None], metadata: bool
    ) -> None:
        self._views = (old, new)
        self._found = found
        self._metadata = metadata
        self.sums = Comparison()
        self._blobs: tuple[set[_Blob], set[_Blob]] = (set(), set())
        self._common: set[bytes] = set()
        self._repeats = Repeats()

    def folders(self, path: bytes, old: str, new: str, depth: int) -> None:
        """Compare two folders that stand at the same path."""
        if self._too_deep(path, depth):
            return
        self._blobs[0].add(("tree", bytes.fromhex(old)))
        self._blobs[1].add(("tree", bytes.fromhex(new)))
        before = {node.name: node for node in self._views[0].read(old, path)}
        after = {node.name: node for node in self._views[1].read(new, path)}
        self._repeats.count(f"{int(old, 16) ^ int(new, 16):064x}", len(before) + len(after))
        for name in sorted(before.keys() | after.keys()):
            here = join(path, name)
            one, two = before.get(name), after.get(name)
            if one is not None and two is not None:
                self._both(here, one, two, depth)
            elif one is not None:
                self._only(0, here, one, depth)
            elif two is not None:
                self._only(1, here, two, depth)

    def _both(self, path: bytes, old: Node, new: Node, depth: int) -> None:
        self._note(0, old)
        self._note(1, new)
        modifier = ""
        if old.type != new.type:
            modifier = "T"
        if old.type == new.type == "file" and old.content != new.content:
            modifier = "M"
            self.sums.changed_files += 1
            if _same_metadata(old, new):
                modifier += "?"
        elif self._metadata and old.json != new.json:  # restic counts another subtree, too
            modifier += "U"
        if modifier:
            self._found(Difference(_shown(path, new), modifier))
        if old.type == new.type == "dir" and old.subtree and new.subtree:
            if old.subtree == new.subtree:
                self._collect(old.subtree, path, depth + 1)
            else:
                self.folders(path, old.subtree, new.subtree, depth + 1)
        elif old.type != new.type:
            for side, node in enumerate((old, new)):
                if node.type == "dir" and node.subtree:
                    self._all(side, path, node.subtree, depth + 1)

    def _only(self, side: int, path: bytes, node: Node, depth: int) -> None:
        """An entry that only one side has, with all below it."""
        self._found(Difference(_shown(path, node), "-+"[side]))
        self._side(side).add(node)
        self._note(side, node)
        if node.type == "dir" and node.subtree:
            self._all(side, path, node.subtree, depth + 1)

    def _all(self, side: int, path: bytes, tree: str, depth: int) -> None:
        if self._too_deep(path, depth):
            return
        nodes = self._views[side].read(tree, path)
        self._blobs[side].add(("tree", bytes.fromhex(tree)))
        self._repeats.count(tree, len(nodes))
        for node in nodes:
            self._only(side, join(path, node.name), node, depth)

    def _collect(self, tree: str, path: bytes, depth: int) -> None:
        """Note the blobs of a folder that is the same on both sides; each tree once."""
        pending = [(tree, depth)]
        while pending:
            tree, level = pending.pop()
            number = bytes.fromhex(tree)
            if number in self._common or self._too_deep(path, level):
                continue
            self._common.add(number)
            for side in self._blobs:
                side.add(("tree", number))
            for node in self._views[0].read(tree, path):
                self._note(0, node)
                self._note(1, node)
                if node.subtree:
                    pending.append((node.subtree, level + 1))

    def _note(self, side: int, node: Node) -> None:
        if node.type == "file" and node.content:
            self._blobs[side].update(("data", bytes.fromhex(blob)) for blob in node.content)

    def _side(self, side: int) -> Side:
        return self.sums.added if side else self.sums.removed

    def _too_deep(self, path: bytes, depth: int) -> bool:
        if depth >= MAX_DEPTH:
            self._views[0].problem(path[:200], f"folders nest more than {MAX_DEPTH} deep; what is below is left out")
        return depth >= MAX_DEPTH

    def count_blobs(self) -> None:
        """Count the blobs that only one side has."""
        repository = self._views[0].repository
        old, new = self._blobs
        for blobs, sums in ((old - new, self.sums.removed), (new - old, self.sums.added)):
            for kind, number in blobs:
                if kind == "tree":
                    sums.tree_blobs += 1
                else:
                    sums.data_blobs += 1
                sums.bytes += blob_size(repository, kind, number.hex())


def blob_size(repository: Repository, kind: str, blob: str) -> int:
    """The length of a blob's plaintext by the index, in bytes; 0 for one that no index names."""
    copies = repository.locations(kind, blob)
    return (copies[0].uncompressed_length or copies[0].length - ENVELOPE) if copies else 0


def _shown(path: bytes, node: Node) -> bytes:
    return path + b"/" if node.type == "dir" else path


def _same_metadata(old: Node, new: Node) -> bool:
    """Whether all but content and subtree agree."""
    one, two = old.copy(), new.copy()
    for node in (one, two):
        node.content = None
        node.subtree = None
    return one.json == two.json
