"""What long work says while it runs: one reporter for a terminal, a log file or a program that reads JSON.

The engine calls a ``Reporter`` and never prints. The base class is silent, so tests and library users may pass it as
it is; ``strongroom.cli.output`` has those that show something. Every method may be called from any thread, returns
quickly and raises nothing that concerns output. Items are paths as the source has them: bytes, or text decoded with
``surrogateescape``; whoever prints them escapes control characters.
"""

from __future__ import annotations

import threading

from strongroom.base.record import field, mutable, record


@record
class Status:
    """How far the work is. Sizes are in bytes; a total of 0 means that it is not known (yet)."""

    files_done: int = 0
    bytes_done: int = 0
    files_total: int = 0
    bytes_total: int = 0
    errors: int = 0
    current_files: tuple[bytes | str, ...] = ()
    files_skipped: int = 0
    """Restore: files that were there already, as the snapshot has them."""
    bytes_skipped: int = 0
    files_deleted: int = 0
    """Restore with ``--delete``: entries removed because the snapshot does not have them."""
    total_known: bool = True
    """False while a scan still counts: no percentage and no time left are shown then."""


@record
class Change:
    """What became of one item of a backup or a restore; restic's ``verbose_status``.

    ``action`` is restic's word. Backup: new, modified, unchanged; restore: restored, updated, unchanged, deleted.
    A directory's item ends with a slash. A backup's sizes are those of the item's new blobs, in all repositories of the
    run together, in bytes, before (``_size``) and after compression and encryption: ``data`` of a file, ``metadata``
    of a directory's tree.
    """

    action: str
    item: bytes | str
    duration: float = 0.0
    data_size: int = 0
    data_size_in_repo: int = 0
    metadata_size: int = 0
    metadata_size_in_repo: int = 0
    size: int = 0
    """Restore: the file's size."""


SUMMARY_COUNTERS = (
    "files_new",
    "files_changed",
    "files_unmodified",
    "dirs_new",
    "dirs_changed",
    "dirs_unmodified",
    "data_blobs",
    "tree_blobs",
    "data_added",
    "data_added_packed",
    "total_files_processed",
    "total_bytes_processed",
)
"""The counters of a backup in restic's order: in a snapshot's summary, and in the event that ends a backup."""


@mutable
class BackupSummary:
    """What one repository got out of a backup; the names are those of restic's JSON summary. Sizes in bytes."""

    repository: str = ""
    """The repository's name or place, without credentials."""
    source: str = ""
    """The name of the source in the configuration file; empty without one."""
    snapshot_id: str = ""
    """64 hexadecimal digits; empty when no snapshot was written (dry run, skipped, failed)."""
    parent_id: str = ""
    dry_run: bool = False
    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    dirs_new: int = 0
    dirs_changed: int = 0
    dirs_unmodified: int = 0
    data_blobs: int = 0
    """How many data blobs this repository did not have."""
    tree_blobs: int = 0
    data_added: int = 0
    """Bytes of new blobs, before compression."""
    data_added_packed: int = 0
    """Bytes of new blobs as stored."""
    total_files_processed: int = 0
    total_bytes_processed: int = 0
    total_duration: float = 0.0
    backup_start: str = ""
    """RFC 3339, local time with its offset."""
    backup_end: str = ""
    files_reread: int = 0
    """Files that looked unchanged and were read again because their turn had come."""
    files_reread_different: int = 0
    """Of those, the ones whose content was another one."""
    files_changed_while_read: int = 0
    errors: int = 0
    """Items of the source that could not be read."""
    skipped_unchanged: bool = False
    """No snapshot was written, because nothing had changed and ``--skip-if-unchanged`` was given."""
    failure: str = ""
    """Why this repository got no snapshot; empty when all is well."""


@mutable
class RestoreSummary:
    """What a restore did; the names are those of restic's JSON summary. Sizes in bytes."""

    total_files: int = 0
    files_restored: int = 0
    files_skipped: int = 0
    files_deleted: int = 0
    total_bytes: int = 0
    bytes_restored: int = 0
    bytes_skipped: int = 0
    seconds_elapsed: float = 0.0
    errors: int = 0
    left_out: list[str] = field(default_factory=list)
    """What ``--safe`` left out, in words."""


class Reporter:
    """Where the engine reports to; this one keeps silent.

    ``stop`` is set when the user asked to stop (SIGINT, SIGTERM). The engine looks at it at least every 100 ms, ends
    what is under way in an orderly manner and raises ``Interrupted``.
    """

    wants_changes: bool = False
    """Whether ``changed`` does anything. The engine need not collect changes when it is false."""
    wants_status: bool = True
    """Whether ``status`` does anything: a scan for totals is a waste when it is false."""

    def __init__(self) -> None:
        self.stop = threading.Event()

    def message(self, text: str, level: int = 1) -> None:
        """A line for people, shown from this verbosity on: 0 even with ``-q``, 1 normally, 2 with ``-v``, 3 ``-vv``."""

    def warning(self, text: str) -> None:
        """Something the user should know, without an item and without effect on the exit code."""

    def error(self, item: bytes | str, message: str, during: str) -> None:
        """An item failed; the rest goes on. ``during`` is scan, archival, restore, check (restic) or a verb."""

    def skipped(self, item: bytes | str, why: str) -> None:
        """A path that was named is left out, for half a sentence's reason: it does not exist."""

    def scan_finished(self, files: int, size: int, seconds: float) -> None:
        """The totals are known: ``files`` files of ``size`` bytes, counted in ``seconds``."""

    def changed(self, change: Change) -> None:
        """One item is done."""

    def status(self, status: Status) -> None:
        """How far we are. To be called about ten times a second; what is shown is thinned out here."""

    def count(self, what: str, done: int, total: int = 0, size: tuple[int, int] | None = None) -> None:
        """Progress that is counted in things, such as packs or snapshots; ``what`` names them in the plural.

        ``size``: bytes done and in all, where there is a rate and a time left to tell.
        """

    def backup_summary(self, summary: BackupSummary) -> None:
        """The end of a backup, once for each repository."""

    def restore_summary(self, summary: RestoreSummary) -> None:
        """The end of a restore."""
