"""Is a repository whole? Its index, the packs that the index names, all trees, and on demand each byte.

What is found wrong is reported and counted; only what stops the check itself is raised (the store, a stop). Nothing is
taken from the cache unless asked for: the question is what the store has.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.archive.check.data import Subset, read_packs
from strongroom.base.errors import StoreError
from strongroom.base.objects import Kind
from strongroom.base.progress import Reporter
from strongroom.base.record import field, mutable, record
from strongroom.repository.keyring import keys_amiss
from strongroom.repository.packs.remembered import remember
from strongroom.repository.reachable import read_trees

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.base.errors import StrongroomError
    from strongroom.repository.opened import Repository
    from strongroom.repository.selection import Listed

TOLD = 20
"""How many packs with the same fault are told one by one."""


@record
class CheckOptions:
    """``subset`` limits ``read_data``; ``snapshots`` limits the trees that are read (None: all there are), and the
    packs to those that the snapshots need.

    ``with_cache`` takes index, snapshots and trees from the cache where it has them, and so checks less.
    """

    read_data: bool = False
    subset: Subset | None = None
    check_unused: bool = False
    with_cache: bool = False
    snapshots: Sequence[Listed] | None = None


@mutable
class CheckResult:
    """What was found; the first four are those of restic's JSON summary. Zero errors means that all is well."""

    num_errors: int = 0
    broken_packs: list[str] = field(default_factory=list)
    suggest_repair_index: bool = False
    suggest_prune: bool = False
    snapshots: int = 0
    trees: int = 0
    packs: int = 0
    packs_read: int = 0
    bytes_read: int = 0
    broken_snapshots: list[str] = field(default_factory=list)


def check(repository: Repository, options: CheckOptions, reporter: Reporter | None = None) -> CheckResult:
    """Check a repository, and load its index on the way. Raises ``StoreError`` and ``Interrupted``."""
    return _Check(repository, options, reporter or Reporter()).run()


class _Crowd:
    """Packs with the same fault. Whoever can store an index can claim as many as they like: the first are told one by
    one, the others as a number."""

    def __init__(self, broken: Callable[[str, str], None], what: str) -> None:
        self._broken = broken
        self._what = what
        self._told = 0
        self.untold = 0

    def add(self, pack: str, message: str) -> None:
        """One more."""
        if self._told < TOLD:
            self._told += 1
            self._broken(pack, message)
        else:
            self.untold += 1
            self._broken(pack, "")

    def rest(self) -> str:
        """Those that were not told one by one."""
        return f"and {self.untold} more {self._what}"


class _Check:
    def __init__(self, repository: Repository, options: CheckOptions, reporter: Reporter) -> None:
        self._lock_holder = repository
        self._repository = repository if options.with_cache else repository.without_cache()
        self._options = options
        self._reporter = reporter
        self._result = CheckResult()
        self._reach = _kernel.Reach()

    def run(self) -> CheckResult:
        self._look_at_keys()
        snapshots = self._snapshots()
        self._reporter.message("load indexes")
        self._load_index()
        self._reporter.message("check all packs")
        sizes, unknown = self._compare_packs()
        self._reporter.message("check snapshots, trees and blobs")
        before = self._result.num_errors
        self._ask_for_folders(bool(snapshots or self._result.broken_snapshots), bool(sizes or unknown))
        self._read_trees(snapshots)
        if unknown and self._result.num_errors > before:  # packs in no index may have what is missing
            self._result.suggest_repair_index = True
        if self._options.read_data:
            self._lock_holder.still_locked(wait=True)
            self._read_data(self._needed(sizes))
        return self._result

    def _look_at_keys(self) -> None:
        """A file that is no key opens nothing: whoever has that key's password should know. Ours was opened."""
        with suppress(StoreError):
            for name, why in keys_amiss(self._lock_holder):
                self._reporter.warning(f"keys/{name}: {why}")

    def _error(self, item: str, message: str) -> None:
        self._result.num_errors += 1
        self._reporter.error(item, message, "check")

    def _problem(self, item: str, error: StrongroomError | Exception) -> None:
        self._error(item, getattr(error, "what", str(error)))

    def _snapshots(self) -> list[Listed]:
        if self._options.snapshots is not None:
            return list(self._options.snapshots)
        return list(self._repository.snapshots(self._unreadable))

    def _ask_for_folders(self, snapshots: bool, packs: bool) -> None:
        """Nothing but packs: a folder that is gone looks like an empty one."""
        if not packs or snapshots or self._options.snapshots is not None:
            return
        for kind in (Kind.SNAPSHOT, Kind.INDEX):
            if self._repository.store.has_folder(kind) is False:
                self._error(kind.value, "the folder is not there (to a server: 404), and there are packs")

    def _unreadable(self, name: str, error: StrongroomError | Exception) -> None:
        self._problem(f"snapshots/{name}", error)
        self._result.broken_snapshots.append(name)

    def _load_index(self) -> None:
        files_of: Counter[str] = Counter()
        before = self._result.num_errors
        self._repository.load_index(
            lambda done, total: self._reporter.count("index files", done, total),
            on_error=lambda name, error: self._problem(f"index/{name}", error),
            on_file=lambda _, packs: files_of.update(packs),
        )
        if self._result.num_errors > before:
            self._result.suggest_repair_index = True
        twice = sum(count > 1 for count in files_of.values())
        if twice:
            self._result.suggest_repair_index = True
            self._reporter.message(f"{twice} packs stand in more than one index file; that is harmless")

    def _compare_packs(self) -> tuple[dict[str, int], int]:
        """Compare the index with what is there: sizes in bytes of packs in both, and how many are in no index."""
        expected = dict(_kernel.pack_sizes(self._repository.index))
        present: dict[str, int] = {}
        unknown = 0
        lies = _Crowd(self._broken, "packs are not as long as the index says")
        for info in self._repository.store.list(Kind.DATA):
            size = expected.pop(info.name.name, None)
            if size is None:
                unknown += 1
                continue
            present[info.name.name] = info.size
            if size != info.size:
                lies.add(info.name.name, f"is {info.size} bytes long, and {size} by the index")
        absent = _Crowd(self._broken, "packs are in the index, but not in the store")
        for pack in sorted(expected):
            absent.add(pack, "is in the index, but not in the store")
        for crowd in (lies, absent):
            if crowd.untold:
                self._reporter.error("", crowd.rest(), "check")
        if unknown:
            self._result.suggest_prune = True
            self._reporter.message(
                f"{unknown} packs are in no index: work under way, or leftovers of broken runs; that is harmless"
            )
        self._result.packs = len(present)
        return present, unknown

    def _broken(self, pack: str, message: str) -> None:
        """A pack that is not what the index says; without a ``message`` it is counted, and told of with others."""
        if message:
            self._error(f"pack {pack}", message)
        else:
            self._result.num_errors += 1
        self._result.broken_packs.append(pack)
        self._result.suggest_repair_index = True

    def _read_trees(self, snapshots: list[Listed]) -> None:
        options = self._options
        limited = options.read_data and options.snapshots is not None
        self._reach = reach = _kernel.Reach(options.check_unused or limited)
        roots = [snapshot.tree for _, snapshot in snapshots if reach.root(snapshot.tree)]
        read = partial(reach.read, self._repository.index)
        read_trees(self._repository, roots, read, self._reporter, self._error)
        self._result.snapshots = len(snapshots)
        self._result.trees = len(reach)
        if self._options.check_unused:
            for kind, blob in reach.unused(self._repository.index):
                self._error(f"{kind} blob {blob}", "is used by no snapshot")
                self._result.suggest_prune = True

    def _needed(self, sizes: dict[str, int]) -> dict[str, int]:
        """The packs with a blob that the given snapshots need; without snapshots all."""
        if self._options.snapshots is None:
            return sizes
        index, uses = self._repository.index, self._reach.uses
        return {
            pack: size
            for pack, size in sizes.items()
            if any(uses(one.kind, one.id) for one in index.pack_entries(pack))
        }

    def _read_data(self, sizes: dict[str, int]) -> None:
        subset = self._options.subset
        chosen = subset.choose(sizes, self._repository.surroundings.random_bytes(16)) if subset else sorted(sizes)
        self._reporter.message(f"read {len(chosen)} of {len(sizes)} packs" if subset else "read all data")
        for pack, faults in read_packs(self._repository, chosen, self._reporter):
            self._result.packs_read += 1
            self._result.bytes_read += sizes[pack]
            for fault in faults:
                self._error(f"pack {pack}", fault)
            if not faults:
                remember(self._lock_holder, [pack])
            if faults and pack not in self._result.broken_packs:
                self._result.broken_packs.append(pack)
