"""What changed between two snapshots. From trees and the lengths of the catalogue; no file data is read.

What only moved is no change: a folder under another name has the same tree, a file elsewhere the same content.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.record import field, mutable, record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from strongroom._kernel import Node
    from strongroom.custody.judging.places import JudgingPlaces
    from strongroom.repository.opened import Repository

MAX_NODES = 5_000_000
"""How many entries are looked at for one snapshot; what is beyond is not counted, and is a reason of its own (threats
B-2, B-3)."""
_LONGEST_EXTENSION = 12
_DIGITS = re.compile(rb"[0-9]+")
_SUFFIXES = 3
"""So many suffixes may have been added to a name for it to be the same one."""
_SPEAKING = 1 << 20
"""Bytes of new content from which on it is written down how well an extension compresses."""
_MOST_EXTENSIONS = 16
_OVERHEAD = 32


@mutable
class Changes:
    """What is other than in an earlier snapshot. Sizes in bytes; extensions as ``extension_of`` has them."""

    files_new: int = 0
    files_changed: int = 0
    files_removed: int = 0
    bytes_new: int = 0
    """Plaintext of blobs that a file did not have before."""
    old_mtime_changed: int = 0
    """Files whose content changed though their time of modification did not."""
    renamed: int = 0
    """Files of one folder whose name is another or has a suffix more, in the folder that has most of them."""
    moved: int = 0
    """Files that are elsewhere; they count neither as new nor as removed."""
    removed_by_extension: Counter[str] = field(default_factory=Counter)
    new_by_extension: Counter[str] = field(default_factory=Counter)
    grown: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """Bytes of new blobs by extension, as plaintext and as they are stored."""
    left_out: bool = False
    """Whether the budget ended before all was compared."""

    def compression(self) -> dict[str, float]:
        """``fresh:EXT`` and ``compress:EXT``: new bytes, and the share that is left of them, of the largest."""
        speaking = [(plain, stored, word) for word, (plain, stored) in self.grown.items() if plain >= _SPEAKING]
        found: dict[str, float] = {}
        for plain, stored, word in sorted(speaking, reverse=True)[:_MOST_EXTENSIONS]:
            found |= {f"fresh:{word}": plain, f"compress:{word}": stored / plain}
        return found


@record
class _File:
    folder: int
    name: bytes
    content: tuple[str, ...]

    @property
    def key(self) -> object:
        """What makes it the same file in another place; of empty ones the name."""
        return self.content or self.name


def extension_of(name: bytes) -> str:
    """What stands behind the last dot, at most twelve bytes, numbers as ``0``; empty for names without one."""
    dotted = posixpath.splitext(name)[1][1:]
    if len(dotted) > _LONGEST_EXTENSION:
        return ""
    return _DIGITS.sub(b"0", dotted).decode("utf-8", "replace").lower()


def changes(
    repository: Repository, old: str | None, new: str, places: JudgingPlaces | None = None, *, sizes: bool = True
) -> Changes:
    """Compare two trees, or a tree with nothing; folders that are the same are not read. Raises as ``load_tree``.

    ``places``: as a ``Walker`` takes it. Without ``sizes`` no blob is looked up, and no bytes are counted.
    """
    work = _Comparison(repository)
    if old is None and not sizes:  # nothing moved, and nothing is new beside something old
        work.count_all(new)
        return work.result
    work.compare([(old, new)] if old is not None else [])
    work.one_sided(Counter(), Counter([new] if old is None else []))
    work.count_moves()
    if sizes:
        work.count_bytes(places)
    return work.result


class _Comparison:
    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.result = Changes()
        self._looked_at = 0
        self._folders = 0
        self._removed: list[_File] = []
        self._new: list[_File] = []
        self._gone_trees: Counter[str] = Counter()
        self._new_trees: Counter[str] = Counter()
        self._grown: list[tuple[str, Collection[str]]] = []
        """What files had not before, by extension."""

    def compare(self, pairs: list[tuple[str, str]]) -> None:
        """Folders that are in both, from the top down."""
        waiting, seen = list(pairs), set(pairs)
        while waiting and not self.result.left_out:
            before, after = waiting.pop()
            if before == after:
                continue
            self._folders += 1
            old, new = self._repository.load_tree(before), self._repository.load_tree(after)
            if not self._may_look_at(len(old.nodes) + len(new.nodes)):
                return
            for one, two in old.differences(new):
                subtrees = _subtree(one), _subtree(two)
                if subtrees[0] is not None and subtrees[1] is not None:
                    pair = subtrees[0], subtrees[1]
                    if pair not in seen:
                        seen.add(pair)
                        waiting.append(pair)
                elif one is not None and two is not None and one.type == two.type == "file":
                    self._changed(one, two)
                else:
                    self._take(one, self._removed, self._gone_trees)
                    self._take(two, self._new, self._new_trees)

    def one_sided(self, gone: Counter[str], new: Counter[str]) -> None:
        """Folders that are in one of both only, level by level; what is in both under other names moved."""
        gone, new = gone + self._gone_trees, new + self._new_trees
        while (gone or new) and not self.result.left_out:
            same = gone & new
            gone, new = gone - same, new - same
            gone, new = self._below(gone, self._removed), self._below(new, self._new)

    def _below(self, trees: Counter[str], files: list[_File]) -> Counter[str]:
        below: Counter[str] = Counter()
        for tree in trees:
            self._folders += 1
            for node in self._nodes(tree):
                self._take(node, files, below)
        return below

    def count_all(self, root: str) -> None:
        """Files by extension of all that is below a root, level by level, each tree once a level."""
        level = {root}
        while level:
            below: set[str] = set()
            for name in level:
                tree = self._repository.load_tree(name)
                if not self._may_look_at(len(tree.nodes)):
                    return
                names = tree.file_names()
                self.result.files_new += len(names)
                self.result.new_by_extension.update(map(extension_of, names))
                below.update(tree.subtrees())
            level = below

    def _nodes(self, tree: str) -> Iterable[Node]:
        nodes = self._repository.load_tree(tree).nodes
        return nodes if self._may_look_at(len(nodes)) else ()

    def _may_look_at(self, nodes: int) -> bool:
        self._looked_at += nodes
        self.result.left_out = self.result.left_out or self._looked_at > MAX_NODES
        return not self.result.left_out

    def _take(self, node: Node | None, files: list[_File], trees: Counter[str]) -> None:
        if node is None:
            return
        if node.type == "file":
            files.append(_File(self._folders, node.name, tuple(node.content or ())))
        elif (subtree := _subtree(node)) is not None:
            trees[subtree] += 1

    def _changed(self, old: Node, new: Node) -> None:
        """A file of the same name with other content: neither removed nor new."""
        self.result.files_changed += 1
        self.result.old_mtime_changed += old.mtime.ns == new.mtime.ns
        self._grow(extension_of(new.name), set(new.content or ()) - set(old.content or ()))

    def count_moves(self) -> None:
        """Tell what moved from what is gone and new, and count it all."""
        self.result.renamed = _most_renamed(self._removed, self._new)
        elsewhere = Counter(file.key for file in self._removed) & Counter(file.key for file in self._new)
        self.result.moved = elsewhere.total()
        for file in _without(self._removed, elsewhere.copy()):
            self.result.files_removed += 1
            self.result.removed_by_extension[extension_of(file.name)] += 1
        for file in _without(self._new, elsewhere):
            self.result.files_new += 1
            word = extension_of(file.name)
            self.result.new_by_extension[word] += 1
            self._grow(word, file.content)

    def _grow(self, word: str, blobs: Collection[str]) -> None:
        if blobs:
            self._grown.append((word, blobs))

    def count_bytes(self, places: JudgingPlaces | None) -> None:
        """Look up how long everything new is; of one file each blob counts once."""
        if places is not None and not places.is_whole:
            wanted = _kernel.BlobSet()
            for _, blobs in self._grown:
                for blob in blobs:
                    wanted.add("data", blob)
            places.want(wanted)
        for word, blobs in self._grown:
            self._count(word, blobs if isinstance(blobs, set) else set(blobs))

    def _count(self, word: str, blobs: set[str]) -> None:
        for blob in blobs:
            place = next(iter(self._repository.index.lookup("data", blob)), None)
            if place is None:
                continue
            plain = place.uncompressed_length or max(0, place.length - _OVERHEAD)
            self.result.bytes_new += plain
            self.result.grown[word][0] += plain
            self.result.grown[word][1] += place.length


def _without(files: list[_File], others: Counter[object]) -> Iterable[_File]:
    for file in files:
        if others[file.key] > 0:
            others[file.key] -= 1
        else:
            yield file


def _most_renamed(removed: list[_File], new: list[_File]) -> int:
    """In the folder that has most: files whose name is gone while it is there with a suffix more, or its content under
    another name."""
    names: defaultdict[int, set[object]] = defaultdict(set)
    for file in new:
        here = names[file.folder]
        if file.content:
            here.add(file.content)
        stem = file.name
        for _ in range(_SUFFIXES):
            stem, dot, _ = stem.rpartition(b".")
            if not dot:
                break
            here.add(stem)
    counts = Counter(
        file.folder for file in removed if file.name in names[file.folder] or file.content in names[file.folder]
    )
    return max(counts.values(), default=0)


def _subtree(node: Node | None) -> str | None:
    return node.subtree if node is not None and node.type == "dir" else None
