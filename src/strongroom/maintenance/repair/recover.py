"""``recover``: one snapshot of all root trees that no snapshot names, as after a snapshot was forgotten by mistake."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.record import mutable
from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from strongroom.maintenance.removing import refuse_where_append_only
from strongroom.maintenance.repair_index import repair_index
from strongroom.maintenance.tree_writer import TreeWriter
from strongroom.repository.reachable import read_trees

if TYPE_CHECKING:
    from strongroom.base.progress import Reporter
    from strongroom.repository.locks.lock import Lock
    from strongroom.repository.opened import Repository

_PATH = "/recover"
_TAG = "recovered"
_MODE = 0o755 | 1 << 31
"""Of a folder, in Go's bits."""


@mutable
class Recovered:
    """How many roots were found, the new snapshot (empty when there was none to write), and trees that are damaged."""

    roots: int = 0
    snapshot: str = ""
    unreadable: int = 0


def recover(repository: Repository, reporter: Reporter, *, lock: Lock | None = None) -> Recovered:
    """Make the index complete, look for trees that neither a tree nor a snapshot names, and save a snapshot of them.

    Each root is a folder of the snapshot, with the first digits of its ID as its name. The caller holds the exclusive
    lock. Raises ``Refused`` where nothing may be removed (the index may have to be made anew), ``Interrupted`` and
    errors of the store.
    """
    refuse_where_append_only(repository)
    reporter.message("ensuring index is complete")
    repair_index(repository, reporter, lock=lock)
    reporter.message("load index files")
    repository.load_index(lambda done, total: reporter.count("index files", done, total))
    result = Recovered()
    roots = _roots(repository, reporter, result)
    result.roots = len(roots)
    reporter.message(f"\nfound {len(roots)} unreferenced roots", 0)
    if not roots:
        reporter.message("no snapshot to write.")
        return result
    result.snapshot = _save(repository, roots, lock)
    reporter.message(f"saved new snapshot {result.snapshot[:8]}", 0)
    return result


def _roots(repository: Repository, reporter: Reporter, result: Recovered) -> list[str]:
    """The trees that can be read and that nobody names, sorted."""
    trees = repository.index.ids("tree")
    reporter.message(f"load {len(trees)} trees")
    named: set[str] = set()
    reach = _kernel.Reach()

    def look(plaintext: bytes) -> tuple[list[str], list[tuple[bytes, str]]]:
        below, _ = reach.read(repository.index, plaintext)
        named.update(below)
        return [], []

    def unreadable(item: str, message: str) -> None:
        result.unreadable += 1
        reporter.error(item, f"unable to load: {message}", "recover")
        named.add(item.removeprefix("tree "))

    read_trees(repository, trees, look, reporter, unreadable, bad_copy=lambda _tree, _place: None, cached=True)
    reporter.message("load snapshots")
    named.update(snapshot.tree for _, snapshot in repository.snapshots())
    reporter.message("done")
    roots = [tree for tree in trees if tree not in named]
    for tree in roots:
        reporter.message(f"found root tree {tree[:8]}", 2)
    return roots


def _save(repository: Repository, roots: list[str], lock: Lock | None) -> str:
    surroundings = repository.surroundings
    now = Timestamp.local(surroundings.clock.now_ns())
    nodes = [
        _kernel.Node(name.encode(), "dir", mode=_MODE, subtree=tree, mtime=now, atime=now, ctime=now)
        for name, tree in zip(_names(roots), roots, strict=True)
    ]
    check = lock.check if lock is not None else lambda: None
    writer = TreeWriter(repository, check=check)
    tree = writer.save(_kernel.encode_tree(nodes))
    writer.finish()
    check()
    snapshot = Snapshot(
        time=now,
        tree=tree,
        paths=(_PATH,),
        hostname=surroundings.hostname,
        username=surroundings.username,
        uid=surroundings.uid,
        gid=surroundings.gid,
        tags=(_TAG,),
    )
    return repository.save_snapshot(snapshot)


def _names(ids: list[str]) -> list[str]:
    """The first eight digits of sorted IDs, or as many more as tell them all apart."""
    digits = 8
    while any(one[:digits] == other[:digits] for one, other in pairwise(ids)):
        digits += 8
    return [one[:digits] for one in ids]
