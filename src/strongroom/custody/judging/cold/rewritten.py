"""Cold files that are other than they were: from the trees of three snapshots, no file data is read.

Cold is a file whose content was the same in two snapshots four weeks apart; no time that a host sets says so. A file
that only moved is none that was rewritten.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.custody.judging.cold.heads import ELSEWHERE, IN_PLACE, SUFFIXED

if TYPE_CHECKING:
    from random import Random

    from strongroom._kernel import Node, Tree
    from strongroom.repository.opened import Repository

MAX_FOLDERS = 20_000
MAX_NODES = 1_000_000
"""How many folders and entries are looked at for one snapshot, in an order that nobody can foresee; what is beyond is
not counted, so that the count is a lower bound."""


@record
class ColdPair:
    """The first blobs of a cold file and of what stands for it now; ``how`` as ``heads.py`` has it."""

    old: str
    new: str
    how: str


@record
class _File:
    name: bytes
    content: int
    """A hash of all its blobs."""
    first: str
    size: int


def cold_files(
    repository: Repository, oldest: str | None, old: str, new: str, cold_ns: int, random: Random
) -> list[ColdPair]:
    """What became of the cold files of the tree ``old`` in the tree ``new``.

    Cold are those that were the same in ``oldest``; where there is no such tree, those that were last modified before
    ``cold_ns``, nanoseconds since 1970 UTC. Raises as ``load_tree``.
    """
    work = _Looking(repository, cold_ns, random, whole=oldest is None)
    work.compare(oldest, old, new)
    return work.result()


@record
class _Folders:
    oldest: str | None
    old: str | None
    new: str | None


class _Looking:
    def __init__(self, repository: Repository, cold_ns: int, random: Random, *, whole: bool) -> None:
        self._repository = repository
        self._cold_ns = cold_ns
        self._random = random
        self._by_time = whole
        self._found: list[ColdPair] = []
        self._left_out = False
        self._folders = 0
        self._nodes = 0
        self._gone: list[_File] = []
        self._come: list[_File] = []
        self._held: set[int] = set()
        """Contents that are new somewhere."""

    def compare(self, oldest: str | None, old: str, new: str) -> None:
        """Folder by folder; what is the same is not read."""
        waiting, seen = [_Folders(oldest, old, new)], set()
        while waiting:
            last = self._random.randrange(len(waiting))
            waiting[last], waiting[-1] = waiting[-1], waiting[last]
            three = waiting.pop()
            if three.old == three.new or three in seen:
                continue
            if self._folders >= MAX_FOLDERS or self._nodes >= MAX_NODES:
                self._left_out = True
                return
            seen.add(three)
            waiting += self._folder(three)

    def _folder(self, three: _Folders) -> list[_Folders]:
        old, new = self._load(three.old), self._load(three.new)
        oldest = old if three.oldest == three.old else self._load(three.oldest)
        below: list[_Folders] = []
        gone: list[_File] = []
        come: dict[bytes, _File] = {}
        for before, after in _differences(old, new):
            subtrees = _subtree(before), _subtree(after)
            if subtrees != (None, None):
                earlier = oldest.find(before.name) if oldest is not None and before is not None else None
                below.append(_Folders(_subtree(earlier), *subtrees))
            was, now = _file(before), _file(after)
            if now is not None:
                self._held.add(now.content)
            cold = before is not None and was is not None and self._is_cold(before, oldest)
            if was is not None and now is not None:
                if cold:
                    self._found.append(ColdPair(was.first, now.first, IN_PLACE))
            elif was is not None and cold:
                gone.append(was)
            elif now is not None and was is None:
                come[now.name] = now
        self._suffixed(gone, come)
        return below

    def _suffixed(self, gone: list[_File], come: dict[bytes, _File]) -> None:
        """A name that is gone while it is there with a suffix more is the same file."""
        stems: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for name in come:
            for length, letter in enumerate(name):
                if letter == ord(".") and length:
                    stems[name[:length]].append(name)
        for file in gone:
            successor = next((come.pop(name) for name in stems.get(file.name, ()) if name in come), None)
            if successor is not None and successor.content != file.content:
                self._found.append(ColdPair(file.first, successor.first, SUFFIXED))
            elif successor is None:
                self._gone.append(file)
        self._come += come.values()

    def _is_cold(self, before: Node, oldest: Tree | None) -> bool:
        if self._by_time:
            return before.mtime.ns <= self._cold_ns
        earlier = oldest.find(before.name) if oldest is not None else None
        return earlier is not None and earlier.type == "file" and earlier.content == before.content

    def _load(self, tree: str | None) -> Tree | None:
        if tree is None:
            return None
        self._folders += 1
        found = self._repository.load_tree(tree)
        self._nodes += len(found.nodes)
        return found

    def result(self) -> list[ColdPair]:
        """All that was found. What moved is no change, and what else is gone is set beside what came and is as large or
        a little larger; unless something was not looked at, since then nobody knows what only moved."""
        if self._left_out:
            return self._found
        only_moved = {file.content for file in self._gone}
        gone = sorted((file for file in self._gone if file.content not in self._held), key=_size)
        come = iter(sorted((file for file in self._come if file.content not in only_moved), key=_size))
        now = next(come, None)
        for was in gone:
            while now is not None and now.size < was.size:
                now = next(come, None)
            if now is None:
                break
            if now.size <= was.size * _LARGER + _HEADER:
                self._found.append(ColdPair(was.first, now.first, ELSEWHERE))
                now = next(come, None)
        return self._found


_LARGER, _HEADER = 1.02, 4096
"""What encryption adds to a file, at most: a share, and bytes."""


def _size(file: _File) -> int:
    return file.size


def _differences(old: Tree | None, new: Tree | None) -> list[tuple[Node | None, Node | None]]:
    if old is not None and new is not None:
        return old.differences(new)
    if old is not None:
        return [(node, None) for node in old.nodes]
    return [(None, node) for node in new.nodes] if new is not None else []


def _subtree(node: Node | None) -> str | None:
    return node.subtree if node is not None and node.type == "dir" else None


def _file(node: Node | None) -> _File | None:
    """A file with content; an empty one has nothing to lose, and says nothing."""
    if node is None or node.type != "file" or not node.content:
        return None
    return _File(node.name, hash(tuple(node.content)), node.content[0], node.size)
