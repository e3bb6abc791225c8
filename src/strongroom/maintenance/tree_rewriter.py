"""A snapshot's tree with some nodes left out or changed: what stays keeps its bytes, what has not changed its ID."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from strongroom import _kernel
from strongroom.base.errors import Damaged, Interrupted, LimitExceeded, Missing
from strongroom.base.record import mutable, record
from strongroom.format.tree_text import take_apart
from strongroom.repository.tree_paths import Repeats, is_too_deep, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom._kernel import Node
    from strongroom.base.progress import Reporter
    from strongroom.maintenance.tree_writer import TreeWriter
    from strongroom.repository.opened import Repository

_MOST_KNOWN = 300_000
"""Trees that are remembered: some hundred megabytes with their paths."""
EMPTY_TREE = b'{"nodes":[]}\n'


class Rule(Protocol):
    """What becomes of nodes and of trees that cannot be read."""

    by_path: bool
    """Whether it looks at paths: if not, a tree that stands in several places is rewritten once."""

    def node(self, node: Node, path: bytes) -> Node | None:
        """The node itself where it stays as it is, another one in its place, or None where it goes."""

    def keeps_empty(self, path: bytes) -> bool:
        """Whether a folder stays when nothing is left in it."""

    def unreadable(self, path: bytes, tree: str, error: Exception) -> bool:
        """A tree cannot be read: True for an empty one in its place, False for none. Raises to give up."""

    def unreadable_nodes(self, path: bytes, names: list[tuple[bytes, str]]) -> None:
        """These nodes of a tree cannot be read, or stand in the wrong order (no names). Raises to give up."""


@record
class Rewritten:
    """A tree after a rule: its ID (None: nothing is left of it), and what files are in it, sizes in bytes."""

    tree: str | None
    files: int = 0
    bytes: int = 0


@mutable
class _Folder:
    """A tree on the way: its changed nodes by their place, None for those that go."""

    tree: str
    path: bytes
    text: bytes
    nodes: Iterator[tuple[int, Node]]
    count: int
    all_anew: bool
    changes: dict[int, bytes | None]
    files: int = 0
    bytes: int = 0
    waiting: tuple[int, Node] | None = None
    """The folder in it whose tree is being rewritten."""


class TreeRewriter:
    """Rewrites trees of one repository; remembers what it has rewritten, so that later snapshots cost what differs."""

    def __init__(self, repository: Repository, writer: TreeWriter, rule: Rule, reporter: Reporter) -> None:
        self._repository = repository
        self._writer = writer
        self._rule = rule
        self._reporter = reporter
        self._known: dict[tuple[str, bytes], Rewritten] = {}

    def rewrite(self, tree: str) -> Rewritten:
        """The tree of a snapshot after the rule. New ones are in the store once the writer has finished.

        Raises ``LimitExceeded`` for a snapshot that repeats itself beyond reason, ``Interrupted``, and what the rule
        raises.
        """
        repeats = Repeats()
        levels: list[_Folder] = []
        result = self._enter(levels, tree, b"/", repeats)
        while levels:
            folder = levels[-1]
            if result is not None:
                self._leave(folder, result)
                result = None
            for place, node in folder.nodes:
                path = join(folder.path, node.name)
                kept = self._rule.node(node, path)
                if kept is None:
                    folder.changes[place] = None
                elif kept.type == "dir":
                    if kept is not node:
                        folder.changes[place] = kept.json
                    folder.waiting = place, kept
                    result = self._enter(levels, kept.subtree or "", path, repeats)
                    break
                else:
                    if kept is not node:
                        folder.changes[place] = kept.json
                    if kept.type == "file":
                        folder.files += 1
                        folder.bytes += kept.size
            else:
                levels.pop()
                result = self._finished(folder)
        assert result is not None
        return result

    def _enter(self, levels: list[_Folder], tree: str, path: bytes, repeats: Repeats) -> Rewritten | None:
        """Go into a tree, or say at once what becomes of it."""
        if self._reporter.stop.is_set():
            raise Interrupted("stopped")
        known = self._known.get(self._key(tree, path))
        if known is not None:
            return known
        if is_too_deep(path, len(levels)):
            raise LimitExceeded("folders nest too deep", subject=f"snapshot's folder {path[:200]!r}")
        try:
            if not tree:
                raise Damaged("is a folder without a tree")
            text = self._repository.load_blob("tree", tree)
            read = _kernel.decode_tree(text)
        except (Damaged, LimitExceeded, Missing) as error:
            stays = self._rule.unreadable(path, tree, error)
            return Rewritten(self._writer.save(EMPTY_TREE) if stays else None)
        if read.skipped or read.reordered:
            self._rule.unreadable_nodes(path, read.skipped)
        repeats.count(tree, len(read.nodes))
        all_anew = bool(read.skipped) or read.reordered
        levels.append(_Folder(tree, path, text, iter(enumerate(read.nodes)), len(read.nodes), all_anew, {}))
        return None

    def _leave(self, folder: _Folder, result: Rewritten) -> None:
        """Note in a folder what became of one in it."""
        assert folder.waiting is not None
        place, node = folder.waiting
        if result.tree is None:
            folder.changes[place] = None
        else:
            folder.files += result.files
            folder.bytes += result.bytes
            if result.tree != node.subtree:
                changed = node.copy()
                changed.subtree = result.tree
                folder.changes[place] = changed.json

    def _finished(self, folder: _Folder) -> Rewritten:
        left = folder.count - sum(change is None for change in folder.changes.values())
        tree: str | None = folder.tree
        if left == 0 and not self._rule.keeps_empty(folder.path):
            tree = None
        elif folder.all_anew:
            tree = self._writer.save(self._anew(folder))
        elif folder.changes:
            text = take_apart(folder.text)
            changed = (folder.changes.get(place, node) for place, node in enumerate(text.nodes))
            tree = self._writer.save(text.with_nodes([node for node in changed if node is not None]))
        found = Rewritten(tree, folder.files, folder.bytes)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[self._key(folder.tree, folder.path)] = found
        return found

    def _anew(self, folder: _Folder) -> bytes:
        """All nodes of a tree of which some could not be read, or which stood in the wrong order, as restic writes."""
        nodes = _kernel.decode_tree(folder.text).nodes
        changed = (folder.changes.get(place, node.json) for place, node in enumerate(nodes))
        return b'{"nodes":[' + b",".join(node for node in changed if node is not None) + b"]}\n"

    def _key(self, tree: str, path: bytes) -> tuple[str, bytes]:
        return tree, path if self._rule.by_path else b""
