"""Which trees are whole: they, all below them, and all blobs that their files name are in the catalogue.

Each tree is read once, however many paths and snapshots lead to it. One that is not whole makes none of those whole
that lead to it, whichever of them is asked about, and in whatever order.
"""

from __future__ import annotations

import contextlib
import itertools
import posixpath
import re
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing
from strongroom.base.record import record
from strongroom.custody.judging.giving import NOT_GIVEN
from strongroom.custody.judging.lacking import FORM
from strongroom.custody.judging.whole_trees import Totals, WholeTrees
from strongroom.repository.reachable import TOO_DEEP, read_trees

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from strongroom.base.progress import Reporter
    from strongroom.custody.judging.lacking import Lack, LackingTrees
    from strongroom.custody.judging.places import JudgingPlaces
    from strongroom.repository.opened import Repository

_ID = re.compile(r"\b[0-9a-f]{64}\b")
MOST = (1 << 63) - 1
"""No count is larger: a few trees can spell 10^12 paths, and a node any size (threats B-2, B-3)."""
MOST_PATHS = 20
"""So many paths are named of what is hurt."""
MOST_LOOKED_AT = 2000
"""So many trees are read to name them."""
_MOST_BELOW = 100
"""Of so many folders of one tree."""
MOST_HELD = 32 << 20
"""Bytes of trees that wait for what they name; beyond, the whole catalogue is loaded."""


@record
class _Tree:
    files: int
    size: int
    subtrees: dict[str, int]
    """Each with how often it is named: a few stored bytes may name one a million times (threats B-2, B-3)."""
    faults: tuple[tuple[bytes, str], ...]
    """As many as are named of a snapshot: a few stored bytes may lack one blob a million times."""
    lack: Lack | None
    """What it lacks itself, the blob that is to be remembered of all."""


class Walker:
    """Walks the trees of snapshots that are not known to be whole. ``known``: None to believe no earlier walk.

    ``places``: where the index of the repository is not whole, and is asked for what the trees name. ``lacking``: trees
    that are not read, since they cannot be whole.
    """

    def __init__(
        self,
        repository: Repository,
        known: WholeTrees | None,
        reporter: Reporter,
        places: JudgingPlaces | None = None,
        lacking: LackingTrees | None = None,
    ) -> None:
        self._repository = repository
        self._known = known
        self._lacking = lacking
        self._lacks: dict[str, Lack] = {}
        """Of trees that are not whole what they lack for certain, in themselves or below."""
        self.fresh_lacks: dict[str, Lack] = {}
        """The same of those that this walk has read."""
        self._places = places
        self._held: dict[str, Buffer] = {}
        """Trees that name blobs which are not in the index: to be asked for together."""
        self._held_bytes = 0
        self._reporter = reporter
        self._guard = threading.Lock()
        self._found: dict[str, _Tree] = {}
        self._unread: dict[str, str] = {}
        self._whole: dict[str, Totals] = {}
        self.fresh: dict[str, Totals] = {}
        """Whole trees that this walk has read."""
        self._hurt_below: dict[str, list[tuple[bytes, str]]] = {}
        self._too_deep = False
        self._broken: set[str] = set()
        self._unsure: set[str] = set()
        """Of those that are not whole, the ones of which a tree was not given: nobody can say."""

    def walk(self, roots: Sequence[str]) -> None:
        """Read what these lead to and nobody has read. Raises ``Interrupted`` and errors of the store."""
        new = self._new(roots)
        read_trees(self._repository, new, self._read, self._reporter, self._fault)
        self._measure_held()
        for root in roots:
            self._settle(root)
        if self._too_deep and len(roots) == 1:  # which of its folders are to blame depends on where one begins
            self._lacks[roots[0]] = self.fresh_lacks[roots[0]] = FORM
        self._too_deep = False

    def totals(self, root: str) -> Totals | None:
        """Files and bytes below a root that was walked; None when it is not whole. A tree counts as often as it is
        named, as in a restore, and bytes are those of the catalogue."""
        return self._whole.get(root)

    def is_unsure(self, root: str) -> bool:
        """Whether a root that was walked, and is not whole, may be so: the store did not give one of its trees."""
        return root in self._unsure

    def faults(self, root: str) -> list[str]:
        """The paths below a root that are hurt, with what is wrong, ``MOST_PATHS`` at most."""
        found: list[str] = []
        waiting, seen = [(root, "/")], {root}
        while waiting and len(found) < MOST_PATHS and len(seen) < MOST_LOOKED_AT:
            tree, path = waiting.pop()
            known = self._found.get(tree)
            if known is None:
                found.append(f"{path}: {self._unread.get(tree, 'its tree was not read')}")
                continue
            found += [f"{posixpath.join(path, _text(name))} {_short(what)}" for name, what in known.faults]
            for name, subtree in self._names(tree):
                if subtree not in seen:
                    seen.add(subtree)
                    waiting.append((subtree, posixpath.join(path, _text(name))))
        return found[:MOST_PATHS]

    def _names(self, tree: str) -> list[tuple[bytes, str]]:
        """The folders of a tree that are hurt, as many as are looked at; read once, however many snapshots have it."""
        if tree not in self._hurt_below:
            self._hurt_below[tree] = []
            with contextlib.suppress(Damaged, LimitExceeded, Missing):
                nodes = self._repository.load_tree(tree).nodes
                below = ((one.name, one.subtree) for one in nodes if one.type == "dir" and one.subtree)
                hurt = ((name, subtree) for name, subtree in below if subtree in self._broken)
                self._hurt_below[tree] = list(itertools.islice(hurt, _MOST_BELOW))
        return self._hurt_below[tree]

    def _new(self, trees: Sequence[str]) -> list[str]:
        """Those that nobody has read or vouched for; they count as seen now."""
        wanted = dict.fromkeys(trees)
        known = self._known.of(wanted) if self._known is not None else {}
        lacking = self._lacking.of(wanted.keys() - known.keys()) if self._lacking is not None else {}
        with self._guard:
            self._whole |= known
            for tree, lack in lacking.items():
                if tree not in self._unread:
                    self._lacks[tree] = lack
                    self._broken.add(tree)
                    self._unread[tree] = _still(tree, lack)
            new = [tree for tree in wanted if tree not in known and tree not in self._unread]
            for tree in new:
                self._unread[tree] = "its tree was not read"
        return new

    def _read(self, plaintext: Buffer) -> tuple[list[str], list[tuple[bytes, str]]]:
        tree = _kernel.sha256_hex(plaintext)
        partly = self._places is not None and not self._places.is_whole  # another thread may load all meanwhile
        try:
            subtrees, faults = self._measure(tree, plaintext)
        except (Damaged, LimitExceeded):  # these are the bytes that its name promises
            with self._guard:
                self._lacks[tree] = self.fresh_lacks[tree] = FORM
            raise
        if faults and partly:
            self._hold(tree, plaintext)
        return self._new(subtrees), []

    def _measure(self, tree: str, plaintext: Buffer) -> tuple[list[str], list[tuple[bytes, str]]]:
        draw = self._lacking.draw if self._lacking is not None else None
        files, size, subtrees, faults, missing = _kernel.measure_tree(self._repository.index, plaintext, draw)
        named = Counter(map(sys.intern, subtrees))
        lack = ("data", missing) if missing is not None else FORM if faults else None
        with self._guard:
            self._found[tree] = _Tree(files, size, dict(named), tuple(faults[:MOST_PATHS]), lack)
        return list(named), faults

    def _hold(self, tree: str, plaintext: Buffer) -> None:
        with self._guard:
            self._held[tree] = plaintext
            self._held_bytes += len(memoryview(plaintext))
            crowded = self._held_bytes > MOST_HELD
        if crowded and self._places is not None:
            self._places.want_all()

    def _measure_held(self) -> None:
        """What was missing for the index alone is not missing."""
        if not self._held or self._places is None:
            return
        wanted = _kernel.BlobSet()
        for plaintext in self._held.values():
            wanted.add_tree(plaintext)
        self._places.want(wanted)
        for tree, plaintext in self._held.items():
            self._measure(tree, plaintext)
        self._held.clear()
        self._held_bytes = 0

    def _fault(self, item: str, what: str) -> None:
        kind, _, tree = item.partition(" ")
        if kind == "tree":
            with self._guard:
                self._unread[tree] = f"its tree {tree[:10]} {what}"
                self._too_deep |= what == TOO_DEEP
                if what == NOT_GIVEN:
                    self._unsure.add(tree)
                elif not self._repository.index.contains("tree", tree):
                    self._lacks[tree] = ("tree", tree)

    def _settle(self, root: str) -> None:
        """Say of each tree below a root whether it is whole, those that others need first."""
        stack = [root]
        while stack:
            tree = stack[-1]
            found = self._found.get(tree)
            if tree in self._whole or tree in self._broken:
                stack.pop()
                continue
            if found is None:
                self._broken.add(tree)
                continue
            waiting = [one for one in found.subtrees if one not in self._whole and one not in self._broken]
            if waiting:
                stack += waiting
                continue
            stack.pop()
            if any(one in self._unsure for one in found.subtrees):
                self._unsure.add(tree)
            if found.faults or any(one in self._broken for one in found.subtrees):
                self._broken.add(tree)
                self._note_lack(tree, found)
                continue
            below = [(self._whole[one], often) for one, often in found.subtrees.items()]
            self._whole[tree] = self.fresh[tree] = (
                min(MOST, found.files + sum(part[0] * often for part, often in below)),
                min(MOST, found.size + sum(part[1] * often for part, often in below)),
            )

    def _note_lack(self, tree: str, found: _Tree) -> None:
        if self._lacking is None or tree in self._unsure:
            return
        below = [self._lacks[one] for one in found.subtrees if one in self._lacks]
        lack = self._lacking.first([*below, found.lack] if found.lack is not None else below)
        if lack is not None:
            self._lacks[tree] = self.fresh_lacks[tree] = lack


def counted(faults: Sequence[str]) -> str:
    """How many paths are hurt, and which, as half a sentence."""
    more = " at least" if len(faults) >= MOST_PATHS else ""
    return f"{len(faults)} path{'' if len(faults) == 1 else 's'}{more}: {'; '.join(faults)}"


def _short(what: str) -> str:
    """The kernel's words, which speak of an index, as those of the catalogue, with short IDs."""
    return _ID.sub(lambda found: found[0][:10], what).replace("no index names", "no sound pack holds")


def _still(tree: str, lack: Lack) -> str:
    what = "is not as it should be" if lack == FORM else f"still lacks {lack[1][:10]}, which no sound pack holds"
    return f"its tree {tree[:10]} {what}"


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
