"""A backup under way."""

from collections.abc import Sequence
from typing import Protocol, Self, final, type_check_only

from strongroom._kernel.index import Index
from strongroom._kernel.key import Key
from strongroom._kernel.pack_buffer import Pack

@final
class BackupTarget:
    """A repository of a backup. ``compression``: off, fastest, auto, better, max. ``pack_size`` in bytes.

    ``parent`` is the ID of a root tree to compare with; trees of a repository that is ``near`` are read before
    another's. Raises ``ValueError``, ``Damaged``.
    """

    def __new__(
        cls,
        key: Key,
        index: Index,
        *,
        version: int,
        compression: str,
        pack_size: int,
        polynomial: int,
        near: bool = False,
        parent: str | None = None,
    ) -> Self: ...

@final
class BackupProgress:
    """Where a run stands, in files and bytes of the source; totals are the scan's so far."""

    @property
    def files_done(self) -> int: ...
    @property
    def bytes_done(self) -> int: ...
    @property
    def files_total(self) -> int: ...
    @property
    def bytes_total(self) -> int: ...
    @property
    def scanned(self) -> bool: ...
    @property
    def failures(self) -> int: ...
    @property
    def current(self) -> list[bytes]: ...

@final
class BackupSummary:
    """What a run has seen of the source."""

    @property
    def files_new(self) -> int: ...
    @property
    def files_changed(self) -> int: ...
    @property
    def files_unmodified(self) -> int: ...
    @property
    def dirs_new(self) -> int: ...
    @property
    def dirs_changed(self) -> int: ...
    @property
    def dirs_unmodified(self) -> int: ...
    @property
    def total_files_processed(self) -> int: ...
    @property
    def total_bytes_processed(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def files_changed_while_read(self) -> int: ...
    @property
    def files_reread(self) -> int: ...
    @property
    def files_differing(self) -> int: ...
    @property
    def bytes_read(self) -> int: ...
    @property
    def blobs_compressed(self) -> int: ...

@final
class BackupTargetSummary:
    """What a run has added to one repository. Bytes: ``data_added`` plain, ``data_added_packed`` as stored.

    ``data_seen``: plain bytes of all data blobs that the repository was given or had already.
    """

    @property
    def data_seen(self) -> int: ...
    @property
    def data_blobs(self) -> int: ...
    @property
    def tree_blobs(self) -> int: ...
    @property
    def data_added(self) -> int: ...
    @property
    def data_added_packed(self) -> int: ...
    @property
    def packs_stored(self) -> int: ...
    @property
    def bytes_stored(self) -> int: ...

@final
class BackupOutcome:
    """How a repository stands: its root tree when the run is over and it still takes part."""

    @property
    def root(self) -> str | None: ...
    @property
    def dropped(self) -> bool: ...
    @property
    def summary(self) -> BackupTargetSummary: ...

@final
class BackupEvent:
    """Something worth a line. ``kind``: failed, warning, content-differs, left-out, or new, changed, unchanged."""

    @property
    def kind(self) -> str: ...
    @property
    def path(self) -> bytes: ...
    @property
    def message(self) -> str: ...
    @property
    def directory(self) -> bool: ...
    @property
    def added(self) -> int: ...
    @property
    def stored(self) -> int: ...
    @property
    def duration(self) -> float: ...

@type_check_only
class _UserOptions(Protocol):
    """What a run reads of ``strongroom.archive.backup.options.BackupOptions``."""

    @property
    def paths(self) -> Sequence[bytes]: ...
    @property
    def excludes(self) -> Sequence[bytes | str]: ...
    @property
    def iexcludes(self) -> Sequence[bytes | str]: ...
    @property
    def exclude_if_present(self) -> Sequence[tuple[bytes, bytes | None]]: ...
    @property
    def exclude_larger_than(self) -> int | None: ...
    @property
    def own_folders(self) -> Sequence[bytes]: ...
    @property
    def one_file_system(self) -> bool: ...
    @property
    def ignore_inode(self) -> bool: ...
    @property
    def ignore_ctime(self) -> bool: ...
    @property
    def with_atime(self) -> bool: ...
    @property
    def dry_run(self) -> bool: ...
    @property
    def extra_verify(self) -> bool: ...

@final
class Backup:
    """A run of the backup pipeline: its workers start at once. Every call waits for a tenth of a second at most."""

    def __new__(
        cls,
        targets: Sequence[BackupTarget],
        options: _UserOptions,
        working: bytes,
        *,
        threads: int,
        parent_is_own: bool,
        reread: tuple[bytes, int, int] | None,
        spool: tuple[str, int] | None,
        scan: bool,
        verbose: bool,
        stream: tuple[int, bytes, int] | None,
    ) -> Self:
        """``options`` are the user's, the rest follows from the run. ``reread``: salt, seconds since 1970 of the last
        run and of this; ``spool``: folder, bytes; ``stream``: descriptor, name, nanoseconds since 1970.

        Raises ``OSError``, ``Unsupported`` for a malformed pattern.
        """
    def next_pack(self, target: int, patience: float) -> Pack | None:
        """The next pack to store, or None when there is none yet, or none any more (see ``is_drained``)."""
    def is_drained(self, target: int) -> bool: ...
    def stored(self, target: int, pack: str, size: int) -> None: ...
    def failed(self, target: int) -> None:
        """The repository failed: the others go on without it."""
    def take_index(self, target: int, force: bool) -> bytes | None:
        """The JSON of an index over stored packs, when it is time for one or ``force`` says so."""
    def next_request(self, target: int, patience: float) -> tuple[int, str] | None:
        """A pack of the parent that is needed from a repository: number, name. ``Interrupted`` when no more will be."""
    def holds_up(self, target: int) -> bool:
        """Whether the source waits for this repository, while another one has nothing to store."""
    def supply_file(self, number: int, descriptor: int) -> None:
        """Answer with an open file of the whole pack; the descriptor is duplicated."""
    def supply_bytes(self, number: int, data: bytes) -> None: ...
    def deny(self, number: int, why: str) -> None: ...
    def wait(self, patience: float) -> bool:
        """Whether the workers are through, after waiting for them a little."""
    def progress(self) -> BackupProgress: ...
    def events(self) -> list[BackupEvent]: ...
    def cancel(self) -> None: ...
    def summary(self) -> BackupSummary: ...
    def outcome(self, target: int) -> BackupOutcome: ...
    def join(self) -> None:
        """Wait for the workers' end. Raises what ended the run, ``Interrupted`` after ``cancel``."""
