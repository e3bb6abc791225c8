"""What a user may decide about a backup, and how it came out for each repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import field, mutable, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.archive.backup.stall_watch import StallWatch
    from strongroom.base.errors import StrongroomError
    from strongroom.base.progress import BackupSummary
    from strongroom.repository.opened import Repository

MEBIBYTE = 1 << 20


@record
class Stream:
    """A stream that is saved as one file, under a name in the snapshot. It can be read once."""

    descriptor: Callable[[], int]
    """Called once, when all is ready to read: begins what makes the stream, and returns what to read from."""
    name: bytes
    ended: Callable[[Callable[[], bool]], None] | None = None
    """Called when the stream is at its end and before any snapshot is written; raises when its maker failed, and
    ``Interrupted`` when the function that it is given says that the user asked to stop."""


@record
class BackupOptions:
    """One run. Paths are bytes, since file names need not be text; sizes are in bytes."""

    paths: tuple[bytes, ...] = ()
    """What to save, as the user wrote it, relative to the working directory."""
    stream: Stream | None = None
    """A stream instead of paths."""
    excludes: tuple[str, ...] = ()
    """Patterns of ``--exclude`` and ``--exclude-file``, in the order given."""
    iexcludes: tuple[str, ...] = ()
    recorded_excludes: tuple[str, ...] = ()
    """What the snapshot says was excluded: restic records the patterns of the command line alone."""
    exclude_if_present: tuple[tuple[bytes, bytes | None], ...] = ()
    """Tag files, with the bytes that they must begin with, if any."""
    exclude_larger_than: int | None = None
    one_file_system: bool = False
    host: str = ""
    """What the snapshot says; the machine's name when empty."""
    tags: tuple[str, ...] = ()
    time_ns: int | None = None
    """What the snapshot says; now when None. Nanoseconds since 1970 UTC."""
    parent: str | None = None
    """A snapshot by ID or prefix, or ``latest`` for restic's rule; this host's own record when None."""
    group_by: tuple[str, ...] = ("host", "paths")
    """What ``latest`` compares."""
    force: bool = False
    """No parent: everything is read."""
    ignore_inode: bool = False
    ignore_ctime: bool = False
    with_atime: bool = False
    dry_run: bool = False
    skip_if_unchanged: bool = False
    read_concurrency: int = 0
    """Worker threads; as many as the machine has processors, and two at least, when 0."""
    extra_verify: bool = True
    no_scan: bool = False
    spool_bytes: int = 2048 * MEBIBYTE
    """Packs for a slower repository that may wait on disk."""
    spool_folder: str | None = None
    """Where they wait; the system's folder for temporary files when None."""
    retry_lock_seconds: float = 0.0
    own_folders: tuple[bytes, ...] = ()
    """Folders of ours (cache, state, repositories) that are left out of the source, with a line."""
    reread_everything_within_days: int = 90
    source: str = ""
    """The name of the source in the configuration file, for messages."""
    others_go_on: bool = False
    """Whether the next job is done though this one failed in the only repository: one database of several."""


@record
class BackupTarget:
    """A repository to write to, opened but neither locked nor with its index loaded."""

    repository: Repository
    name: str = ""
    """How messages call it; its place when empty."""
    compression: str = "auto"
    pack_size: int = 16 * MEBIBYTE

    @property
    def label(self) -> str:
        """How messages call it."""
        return self.name or self.repository.location


@record
class BackupMember:
    """A repository that takes part in a run once it is opened, in a thread of its own.

    ``open`` is told whom to tell of what gets done and of requests that are tried again, since others may wait for it.
    """

    label: str
    open: Callable[[StallWatch], BackupTarget]


@record
class BackupJob:
    """One source with its options, and the repositories that it is saved to."""

    options: BackupOptions
    members: tuple[BackupMember, ...]


@mutable
class BackupResult:
    """How it came out for one repository: the summary, and the error when there is no snapshot."""

    label: str
    summary: BackupSummary
    error: StrongroomError | None = None


@mutable
class BackupOutcome:
    """How a run came out. ``incomplete`` says that something of the source could not be read."""

    results: list[BackupResult] = field(default_factory=list)
    incomplete: bool = False
