"""The snapshot that a backup writes at its end, and the summary of what went into it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import StrongroomError
from strongroom.base.progress import SUMMARY_COUNTERS, BackupSummary
from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.archive.backup.one_pass import Pass, PassOutcome
    from strongroom.archive.backup.options import BackupOptions
    from strongroom.archive.backup.parents import Parent
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
    ended_ns = started_ns + round(summary.total_duration * 1e9)  # by the steady clock: the wall clock may jump
    summary.total_duration = (ended_ns - started_ns) / 1e9
    summary.backup_start = str(Timestamp.local(started_ns))
    summary.backup_end = str(Timestamp.local(ended_ns))
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


def summary_of(
    label: str, options: BackupOptions, parent: Parent | None, run: Pass, outcome: PassOutcome
) -> BackupSummary:
    """What a pass has seen of the source, and what it has added to one repository."""
    seen, added = run.summary, outcome.summary
    return BackupSummary(
        repository=label,
        source=options.source,
        parent_id=(parent.snapshot or "") if parent else "",
        dry_run=options.dry_run,
        files_new=seen.files_new,
        files_changed=seen.files_changed,
        files_unmodified=seen.files_unmodified,
        dirs_new=seen.dirs_new,
        dirs_changed=seen.dirs_changed,
        dirs_unmodified=seen.dirs_unmodified,
        data_blobs=added.data_blobs,
        tree_blobs=added.tree_blobs,
        data_added=added.data_added,
        data_added_packed=added.data_added_packed,
        total_files_processed=seen.total_files_processed,
        total_bytes_processed=seen.total_bytes_processed,
        total_duration=run.seconds,
        files_reread=seen.files_reread,
        files_reread_different=seen.files_differing,
        files_changed_while_read=seen.files_changed_while_read,
        errors=seen.failures,
    )


def must_hold_the_stream(label: str, seen: _kernel.BackupSummary, stored: _kernel.BackupTargetSummary) -> None:
    """Raise unless the file in the snapshot is as long as what was read of the stream, and the repository has it all.

    Each number is counted where it arises: at the descriptor, in the file's node, and blob by blob for the repository.
    A stream without a byte is a dump that failed without saying so: a snapshot of it would push good ones out of a
    retention by number, and restore an empty file.
    """
    if not seen.bytes_read:
        raise StrongroomError(
            "no data read: the stream ended before its first byte; no snapshot was made",
            hint="What makes the stream probably failed; in a pipe, the shell does not tell. "
            "`--stdin-from-command -- COMMAND` looks at its exit code, too.",
        )
    if not seen.bytes_read == seen.total_bytes_processed == stored.data_seen:
        raise StrongroomError(
            f"{seen.bytes_read} bytes of the stream were read, but its file in the snapshot would have "
            f"{seen.total_bytes_processed} and {stored.data_seen} were stored; no snapshot was made",
            subject=label,
            hint="This is a fault in this program. Please report it.",
        )
