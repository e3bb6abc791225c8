"""Compare two snapshots: which paths came, went and changed, and which blobs that cost (restic's rules and signs)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from strongroom import _kernel
from strongroom._kernel import MAX_DEPTH
from strongroom.archive.vfs import SnapshotView
from strongroom.base.record import field, mutable, record
from strongroom.repository.tree_paths import Repeats, is_too_deep, join

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from strongroom._kernel import Node


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


def compare(
    old: SnapshotView, new: SnapshotView, found: Callable[[Difference], None], *, metadata: bool = False
) -> Comparison:
    """Call ``found`` for each path that differs, in order, and return the sums.

    ``metadata``: report paths of which only metadata differ. Blobs are counted against the whole of the other
    snapshot, as restic does. Raises ``LimitExceeded`` for snapshots that repeat themselves beyond reason.
    """
    work = _Compare(old, new, found, metadata)
    take_steps(work.folders(b"/", old.tree, new.tree, 0))
    work.count_blobs()
    work.sums.problems = old.problems + new.problems
    return work.sums


Steps: TypeAlias = "Iterator[Steps]"
"""Work that hands out what must be done before it goes on: folders nest deeper than Python's calls may."""


def take_steps(first: Steps) -> None:
    """Do work to its end, whatever it hands out first."""
    waiting = [first]
    while waiting:
        below = next(waiting[-1], None)
        if below is None:
            waiting.pop()
        else:
            waiting.append(below)


class _Compare:
    def __init__(
        self, old: SnapshotView, new: SnapshotView, found: Callable[[Difference], None], metadata: bool
    ) -> None:
        self._views = (old, new)
        self._found = found
        self._metadata = metadata
        self.sums = Comparison()
        self._blobs = (_kernel.BlobSet(), _kernel.BlobSet())
        self._common = _kernel.BlobSet()
        self._repeats = Repeats()

    def folders(self, path: bytes, old: str, new: str, depth: int) -> Steps:
        """Compare two folders that stand at the same path."""
        if self._too_deep(path, depth):
            return
        self._blobs[0].add("tree", old)
        self._blobs[1].add("tree", new)
        before, after = self._views[0].read_tree(old, path), self._views[1].read_tree(new, path)
        self._repeats.count(f"{int(old, 16) ^ int(new, 16):064x}", len(before) + len(after))
        for name, one, two in side_by_side(before, after):
            here = join(path, name)
            if one is not None and two is not None:
                yield from self._both(here, one, two, depth)
            elif one is not None:
                yield from self._only(0, here, one, depth)
            elif two is not None:
                yield from self._only(1, here, two, depth)

    def _both(self, path: bytes, old: Node, new: Node, depth: int) -> Steps:
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
            self._found(Difference(shown(path, new), modifier))
        if old.type == new.type == "dir" and old.subtree and new.subtree:
            if old.subtree == new.subtree:
                self._collect(old.subtree, path, depth + 1)
            else:
                yield self.folders(path, old.subtree, new.subtree, depth + 1)
        elif old.type != new.type:
            for side, node in enumerate((old, new)):
                if node.type == "dir" and node.subtree:
                    yield self._all(side, path, node.subtree, depth + 1)

    def _only(self, side: int, path: bytes, node: Node, depth: int) -> Steps:
        """An entry that only one side has, with all below it."""
        self._found(Difference(shown(path, node), "-+"[side]))
        self._side(side).add(node)
        self._note(side, node)
        if node.type == "dir" and node.subtree:
            yield self._all(side, path, node.subtree, depth + 1)

    def _all(self, side: int, path: bytes, tree: str, depth: int) -> Steps:
        if self._too_deep(path, depth):
            return
        nodes = self._views[side].read_tree(tree, path)
        self._blobs[side].add("tree", tree)
        self._repeats.count(tree, len(nodes))
        for node in nodes:
            yield from self._only(side, join(path, node.name), node, depth)

    def _collect(self, tree: str, path: bytes, depth: int) -> None:
        """Note the blobs of a folder that is the same on both sides; each tree once."""
        pending = [(tree, depth)]
        while pending:
            tree, level = pending.pop()
            if self._too_deep(path, level) or not self._common.add("tree", tree):
                continue
            for side in self._blobs:
                side.add("tree", tree)
            for node in self._views[0].read_tree(tree, path):
                self._note(0, node)
                self._note(1, node)
                if node.subtree:
                    pending.append((node.subtree, level + 1))

    def _note(self, side: int, node: Node) -> None:
        if node.type == "file":
            self._blobs[side].add_content(node)

    def _side(self, side: int) -> Side:
        return self.sums.added if side else self.sums.removed

    def _too_deep(self, path: bytes, depth: int) -> bool:
        if is_too_deep(path, depth):
            self._views[0].problem(path[:200], f"folders nest more than {MAX_DEPTH} deep; what is below is left out")
            return True
        return False

    def count_blobs(self) -> None:
        """Count the blobs that only one side has."""
        index = self._views[0].repository.index
        old, new = self._blobs
        for totals, sums in ((old.totals(index, new), self.sums.removed), (new.totals(index, old), self.sums.added)):
            sums.tree_blobs = totals.tree_blobs
            sums.data_blobs = totals.data_blobs
            sums.bytes = totals.plain
            unknown = totals.data_blobs + totals.tree_blobs - totals.indexed
            if unknown:
                self._views[1].problem(b"", f"{unknown} blobs are in no index, so their bytes are not counted")


def side_by_side(before: Sequence[Node], after: Sequence[Node]) -> Iterator[tuple[bytes, Node | None, Node | None]]:
    """Each name of two folders with its nodes. Both are in the order of their names, so neither need be in memory."""
    old, new = iter(before), iter(after)
    one, two = next(old, None), next(new, None)
    while one is not None or two is not None:
        if two is None or (one is not None and one.name < two.name):
            assert one is not None
            yield one.name, one, None
            one = next(old, None)
        elif one is None or two.name < one.name:
            yield two.name, None, two
            two = next(new, None)
        else:
            yield one.name, one, two
            one, two = next(old, None), next(new, None)


def shown(path: bytes, node: Node) -> bytes:
    """A path as ``Difference`` has it."""
    return path + b"/" if node.type == "dir" else path


def _same_metadata(old: Node, new: Node) -> bool:
    """Whether all but content and subtree agree."""
    one, two = old.copy(), new.copy()
    for node in (one, two):
        node.content = None
        node.subtree = None
    return one.json == two.json
