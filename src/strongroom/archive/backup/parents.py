"""Which snapshot a backup compares with: one that this host recorded itself, unless the user says otherwise.

A parent that merely is the newest in the repository could have been planted there, and the next honest backup would
then store what it says instead of what the files hold (threat P-1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.record import record
from strongroom.repository.selection import SnapshotFilter, find_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.archive.backup.options import BackupOptions
    from strongroom.base.progress import Reporter
    from strongroom.repository.opened import Repository


@record
class Parent:
    """A snapshot to compare with. ``tree`` is the authority; ``snapshot`` is what the new one names, if it is there.

    ``recorded_ns`` is when this host's recorded run began (nanoseconds since 1970 UTC); 0 for a parent of the user's.
    """

    tree: str
    snapshot: str | None
    recorded_ns: int = 0


def find_parent(
    repository: Repository, options: BackupOptions, host: str, paths: Sequence[str], reporter: Reporter
) -> Parent | None:
    """The parent in one repository, or None: then everything is read."""
    if options.force or options.stream is not None:
        return None
    if options.parent == "latest":
        return _latest(repository, options, host, paths, reporter)
    if options.parent:
        found = find_snapshot(repository, options.parent)
        return Parent(found.snapshot.tree, found.id)
    last = repository.state.last_run(host, paths) if repository.state is not None else None
    if last is None:
        return None
    is_there = last.snapshot in repository.snapshot_names()
    return Parent(last.tree, last.snapshot if is_there else None, last.started_ns)


def _latest(
    repository: Repository, options: BackupOptions, host: str, paths: Sequence[str], reporter: Reporter
) -> Parent | None:
    wanted = SnapshotFilter(
        hosts=(host,) if "host" in options.group_by else (),
        paths=tuple(paths) if "paths" in options.group_by else (),
        tags=(options.tags,) if "tags" in options.group_by and options.tags else (),
    )
    try:
        found = find_snapshot(repository, "latest", wanted)
    except UsageError:
        return None
    reporter.warning(
        "--parent latest trusts whatever snapshot is the newest in the repository; on a machine that keeps its state "
        "directory, leave it out"
    )
    return Parent(found.snapshot.tree, found.id)


def share_parents(
    repositories: Sequence[Repository], parents: Sequence[Parent | None], reporter: Reporter
) -> list[Parent | None]:
    """For each repository the tree to compare with: of those with the same polynomial the one recorded last.

    A tree is checked by its hash, so it may come from any of them. One that none has counts for nothing: what is
    recorded here may be of a copy of the repository, or of a time before it was restored.
    """
    shared: dict[int, Parent] = {}
    lost: dict[int, Repository] = {}
    for repository, parent in zip(repositories, parents, strict=True):
        polynomial = repository.polynomial
        known = shared.get(polynomial)
        if parent is None or (known is not None and parent.recorded_ns <= known.recorded_ns):
            continue
        if any(one.polynomial == polynomial and one.index.contains("tree", parent.tree) for one in repositories):
            shared[polynomial] = parent
        else:
            lost[polynomial] = repository
    for polynomial, repository in lost.items():
        if polynomial not in shared:
            reporter.warning(
                f"{repository.location}: what the snapshot to compare with holds is not in this repository (a copy of "
                "it may have it), so every file is read"
            )
    return [shared.get(repository.polynomial) for repository in repositories]
