"""The last lines of a backup and a restore, in restic's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.quantities import format_bytes
from strongroom.cli.output.text import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.base.progress import BackupSummary, RestoreSummary


def backup_lines(summary: BackupSummary, verbosity: int) -> Iterator[str]:
    """What a repository got out of a backup."""
    label = f" of {summary.source}" if summary.source else ""
    if summary.failure:
        yield ""
        yield f"{summary.repository or 'repository'}: NO SNAPSHOT{label}: {summary.failure}"
        return
    yield ""
    if summary.repository:
        yield f"repository {summary.repository}{label}:"
    yield _counts("Files", summary.files_new, summary.files_changed, summary.files_unmodified)
    yield _counts("Dirs", summary.dirs_new, summary.dirs_changed, summary.dirs_unmodified)
    if verbosity > 1:
        yield f"Data Blobs:  {summary.data_blobs:5d} new"
        yield f"Tree Blobs:  {summary.tree_blobs:5d} new"
    verb = "Would add" if summary.dry_run else "Added"
    packed = f"({format_bytes(summary.data_added_packed):<5} stored)"
    yield f"{verb} to the repository: {format_bytes(summary.data_added):<5} {packed}"
    if summary.files_reread:
        yield f"Read again in their turn: {summary.files_reread} files"
    if summary.files_reread_different:
        yield f"Of these, {summary.files_reread_different} had other content than their times and sizes said"
    if summary.files_changed_while_read:
        yield f"Changed while they were read: {summary.files_changed_while_read} files; the next run reads them again"
    yield ""
    yield (
        f"processed {summary.total_files_processed} files, {format_bytes(summary.total_bytes_processed)}"
        f" in {format_seconds(summary.total_duration)}"
    )
    if summary.snapshot_id and not summary.dry_run:
        yield f"snapshot {summary.snapshot_id[:8]} saved"
    elif summary.skipped_unchanged:
        yield "skipped creating snapshot: nothing has changed"


def _counts(what: str, new: int, changed: int, unmodified: int) -> str:
    return f"{what + ':':<12} {new:5d} new, {changed:5d} changed, {unmodified:5d} unmodified"


def restore_lines(summary: RestoreSummary) -> Iterator[str]:
    """What a restore did."""
    amount = f"{summary.files_restored} files/dirs ({format_bytes(summary.bytes_restored)})"
    if summary.files_restored != summary.total_files:
        amount = (
            f"{summary.files_restored} / {summary.total_files} files/dirs "
            f"({format_bytes(summary.bytes_restored)} / {format_bytes(summary.total_bytes)})"
        )
    extra = (
        f", skipped {summary.files_skipped} files/dirs {format_bytes(summary.bytes_skipped)}"
        if summary.files_skipped
        else ""
    )
    deleted = f", deleted {summary.files_deleted} files/dirs" if summary.files_deleted else ""
    yield f"Summary: Restored {amount} in {format_seconds(summary.seconds_elapsed)}{extra}{deleted}"
    yield from (f"left out: {line}" for line in summary.left_out)
