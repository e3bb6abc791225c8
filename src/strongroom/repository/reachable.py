"""Read all trees that snapshots reach, each once, several at once, neighbours in a pack together."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from strongroom import _kernel
from strongroom.base.errors import Damaged, Interrupted, LimitExceeded, Missing
from strongroom.base.record import mutable
from strongroom.repository.blobs import MAX_STORED
from strongroom.repository.parallel import outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from strongroom._kernel import BlobEntry, Location
    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository

GAP = 64 << 10
"""Bytes between two trees that are rather read than skipped."""
RUN = 4 << 20
"""The longest stretch that is read at once, in bytes, unless a single tree is longer."""
WORKERS = 4
TOO_DEEP = f"is nested more than {_kernel.MAX_DEPTH} folders deep; what is below was not read"

_Faults = list[tuple[str, str]]
Found = tuple[list[str], list[tuple[bytes, str]]]
"""What one tree says: the trees below it that nobody has reached before, and what is wrong, by name of the node."""

ReadRun: TypeAlias = (
    "Callable[[bytes, int, Sequence[BlobEntry]], tuple[list[str], list[tuple[str, bytes, str]], list[str]]]"
)
"""Bytes of a pack, where they begin, trees in them: the trees below, faults by tree and node, trees that are bad."""


@mutable
class _Run:
    """Trees that lie close together in a pack, by place."""

    pack: str
    trees: list[tuple[str, Location]]

    @property
    def start(self) -> int:
        return self.trees[0][1].offset

    @property
    def end(self) -> int:
        return max(place.offset + place.length for _, place in self.trees)


def read_trees(
    repository: Repository,
    roots: Iterable[str],
    read: Callable[[bytes], Found],
    reporter: Reporter,
    error: Callable[[str, str], None],
    *,
    read_run: ReadRun | None = None,
    bad_copy: Callable[[str, Location], None] | None = None,
    cached: bool = False,
) -> None:
    """Read the trees that ``roots`` lead to and nobody has reached; ``error(item, message)`` for each fault.

    ``read(plaintext)`` remembers what was reached (``_kernel.Reach``, ``_kernel.Usage``), the roots included. Goes
    level by level, so that a chain of folders that is deeper than anything real is one error and an end. Of a tree
    whose first copy is damaged and another one good, ``bad_copy(tree, place)`` hears, or it is a fault. ``cached``:
    where the cache has a pack it is taken from there. ``read_run`` does the same as ``read`` for several trees in one
    stretch of a pack, in less time; those that it finds bad are tried one by one.

    Raises ``Interrupted`` and errors of the store other than a missing pack.
    """
    walk = _Walk(repository, read, read_run, bad_copy, cached)
    workers = max(WORKERS, 0 if repository.near else repository.store.connections)
    level, count = list(roots), 0
    for _ in range(_kernel.MAX_DEPTH + 1):
        below: list[str] = []
        runs, missing = _runs(repository, level)
        for tree in missing:
            error(f"tree {tree}", "is in no index")
        for run, outcome in outcomes(walk.read_run, runs, workers):
            if reporter.stop.is_set():
                raise Interrupted("stopped")
            subtrees, faults = outcome()
            below += subtrees
            for item, message in faults:
                error(item, message)
            count += len(run.trees)
            reporter.count("trees", count)
        if not below:
            return
        level = below
    error(f"tree {level[0]}", TOO_DEEP)


def _runs(repository: Repository, trees: Iterable[str]) -> tuple[list[_Run], list[str]]:
    """Stretches of packs that hold these trees, and the trees that no index names."""
    packs: defaultdict[str, list[tuple[str, Location]]] = defaultdict(list)
    missing = []
    for tree in trees:
        copies = repository.locations("tree", tree)
        if copies:
            packs[copies[0].pack].append((tree, copies[0]))
        else:
            missing.append(tree)
    return [run for pack, places in packs.items() for run in _split(pack, places)], missing


def _split(pack: str, places: list[tuple[str, Location]]) -> Iterator[_Run]:
    places.sort(key=lambda item: item[1].offset)
    run = _Run(pack, [places[0]])
    end = run.end
    for tree, place in places[1:]:
        far = place.offset > end + GAP or place.offset + place.length - run.start > RUN
        if far:
            yield run
            run = _Run(pack, [])
        run.trees.append((tree, place))
        end = place.offset + place.length if far else max(end, place.offset + place.length)
    yield run


class _Walk:
    def __init__(
        self,
        repository: Repository,
        read: Callable[[bytes], Found],
        read_run: ReadRun | None,
        bad_copy: Callable[[str, Location], None] | None,
        cached: bool,
    ) -> None:
        self._repository = repository
        self._read = read
        self._read_together = read_run
        self._bad_copy = bad_copy
        self._cached = cached

    def read_run(self, run: _Run) -> tuple[list[str], _Faults]:
        """The trees below those of a run that nobody has reached before, and what is wrong."""
        stored = b""  # of a run that cannot be had each tree is tried alone
        if run.end - run.start <= MAX_STORED["tree"]:
            with contextlib.suppress(Damaged, Missing):
                stored = self._repository.read_pack(run.pack, run.start, run.end - run.start, tree=self._cached)
        subtrees: list[str] = []
        faults: _Faults = []
        left = run.trees
        if self._read_together is not None and stored:
            entries = [
                _kernel.BlobEntry("tree", tree, place.offset, place.length, place.uncompressed_length)
                for tree, place in run.trees
            ]
            subtrees, wrong, bad = self._read_together(stored, run.start, entries)
            faults += [(f"tree {tree}", _worded(name, what)) for tree, name, what in wrong]
            left = [(tree, place) for tree, place in run.trees if tree in bad] if bad else []
        data = memoryview(stored)
        for tree, place in left:
            try:
                below, found = self._read(self._open(run, data, tree, place, faults))
            except (Damaged, LimitExceeded, Missing) as problem:
                faults.append((f"tree {tree}", problem.what))
                continue
            subtrees += below
            faults += [(f"tree {tree}", _worded(name, what)) for name, what in found]
        return subtrees, faults

    def _open(self, run: _Run, data: memoryview, tree: str, place: Location, faults: _Faults) -> bytes:
        """The tree's plaintext; where this copy is bad that is told, and another copy takes its place.

        It is bad when it was so twice: the line may have been at fault, not the store.
        """
        at = place.offset - run.start
        for again in (False, True):
            with contextlib.suppress(Damaged, LimitExceeded, Missing):
                stored = bytes(data[at : at + place.length])
                if again:
                    stored = self._repository.read_pack(run.pack, place.offset, place.length)
                return _kernel.open_blob(self._repository.key, "tree", tree, stored, place.uncompressed_length)
        plaintext = self._repository.load_blob("tree", tree)
        if self._bad_copy is not None:
            self._bad_copy(tree, place)
        else:
            faults.append((f"tree {tree}", f"is damaged in pack {run.pack}; another copy is good"))
        return plaintext


def _worded(name: bytes, what: str) -> str:
    """Half a sentence with the name of the node that it is about, if it is about one."""
    if not name:
        return what
    return '"' + name.decode("utf-8", "backslashreplace").encode("unicode_escape").decode() + f'" {what}'
