"""The snapshot that a backup writes at its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.progress import SUMMARY_COUNTERS
from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.archive.backup_options import BackupOptions
    from strongroom.archive.parents import Parent
    from strongroom.base.progress import BackupSummary
    from strongroom.repository.opened import Repository


def make_snapshot(
    repository: Repository,
    options: BackupOptions,
    paths: Sequence[str],
    tree: str,
    parent: Parent | None,
    summary: BackupSummary,
    started_ns: int,
) -> Snapshot:
    """A snapshot of ``tree`` with all that restic writes; sets the summary's beginning and end on the way."""
    surroundings = repository.surroundings
    summary.backup_start = str(Timestamp.local(started_ns))
    summary.backup_end = str(Timestamp.local(surroundings.clock.now_ns()))
    members = {"backup_start": summary.backup_start, "backup_end": summary.backup_end}
    return Snapshot(
        time=Timestamp.local(started_ns if options.time_ns is None else options.time_ns),
        parent=(parent.snapshot or "") if parent else "",
        tree=tree,
        paths=tuple(paths),
        hostname=options.host or surroundings.hostname,
        username=surroundings.username,
        uid=os.getuid(),
        gid=os.getgid(),
        excludes=options.recorded_excludes,
        tags=options.tags,
        program_version=f"strongroom {_kernel.__version__}",
        summary=members | {name: getattr(summary, name) for name in SUMMARY_COUNTERS},
    )
