"""A restore under way."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol, Self, final, type_check_only

from typing_extensions import Buffer

from strongroom._kernel.index import Index
from strongroom._kernel.key import Key

@final
class RestoreRequest:
    """A range of a pack that a restore wants; to be answered with ``supply``, ``supply_file`` or ``refuse``."""

    @property
    def ticket(self) -> int:
        """To be given back with the answer."""
    @property
    def pack(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def length(self) -> int: ...
    @property
    def tree(self) -> bool:
        """Whether it is a directory listing, which a cache may hold."""

@final
class RestoreProgress:
    """How far a restore is. Files are items of every type, as restic counts them."""

    @property
    def files_total(self) -> int:
        """Items found so far that are to be written; all of them once ``walked``."""
    @property
    def bytes_total(self) -> int: ...
    @property
    def files_done(self) -> int: ...
    @property
    def bytes_done(self) -> int: ...
    @property
    def files_skipped(self) -> int:
        """Items that were there already or are left alone; not among ``files_total``."""
    @property
    def bytes_skipped(self) -> int: ...
    @property
    def files_deleted(self) -> int: ...
    @property
    def files_verified(self) -> int: ...
    @property
    def errors(self) -> int: ...
    @property
    def walked(self) -> bool:
        """Whether the totals are final."""
    @property
    def current(self) -> bytes:
        """A file that is being written, as its path in the restored tree."""

@final
class RestoreEvent:
    """What happened to one item."""

    @property
    def kind(self) -> str:
        """``failed``, ``left out``, or with ``report_items`` restic's words restored, updated, unchanged, deleted."""
    @property
    def path(self) -> bytes:
        """In the restored tree: absolute, ``/a/b``."""
    @property
    def text(self) -> str:
        """Why it failed, or what was left out of it, in the plural."""
    @property
    def size(self) -> int: ...

@type_check_only
class _UserOptions(Protocol):
    """What a restore reads of ``strongroom.archive.restore.run.RestoreOptions``."""

    @property
    def target(self) -> bytes | str: ...
    @property
    def includes(self) -> Sequence[bytes | str]: ...
    @property
    def iincludes(self) -> Sequence[bytes | str]: ...
    @property
    def excludes(self) -> Sequence[bytes | str]: ...
    @property
    def iexcludes(self) -> Sequence[bytes | str]: ...
    @property
    def overwrite(self) -> str: ...
    @property
    def delete(self) -> bool: ...
    @property
    def dry_run(self) -> bool: ...
    @property
    def verify(self) -> bool: ...
    @property
    def sparse(self) -> bool: ...
    @property
    def safe(self) -> bool: ...
    @property
    def ownership_by_name(self) -> bool: ...
    @property
    def include_xattrs(self) -> Sequence[bytes | str]: ...
    @property
    def exclude_xattrs(self) -> Sequence[bytes | str]: ...
    @property
    def workers(self) -> int: ...

@final
class Restore:
    """A restore under way in threads of its own. Its owner answers requests until it has finished. From any thread."""

    def __new__(
        cls,
        key: Key,
        index: Index,
        root: str,
        options: _UserOptions,
        *,
        on_the_way: AbstractSet[bytes],
        report_items: bool,
    ) -> Self:
        """Begins to restore what is below the tree ``root`` into the options' ``target``, made if it is missing.

        ``options`` are the user's. With ``delete``, nothing is removed in the directories ``on_the_way``, paths in the
        restored tree (``b""`` for its root). Raises ``OSError`` when the target cannot be used, ``Unsupported`` for
        malformed patterns.
        """
    def next_request(self, timeout: float) -> RestoreRequest | None:
        """What to fetch next; None after ``timeout`` seconds (0.1 at most), and when nothing more is wanted."""
    def supply(self, ticket: int, data: Buffer) -> None:
        """The bytes that a request asked for."""
    def supply_file(self, ticket: int, descriptor: int, position: int) -> None:
        """An open file that holds them from ``position`` on. It is duplicated; the caller may close it then."""
    def refuse(self, ticket: int, reason: str) -> None:
        """The bytes cannot be had: other copies are tried, and what still lacks a blob is named with this reason."""
    def events(self) -> list[RestoreEvent]:
        """What happened since the last call. When 20,000 wait, the restore waits."""
    def progress(self) -> RestoreProgress: ...
    @property
    def finished(self) -> bool:
        """Whether nothing more will be asked: ``join`` returns soon."""
    def stop(self) -> None:
        """Ends it soon; ``join`` then raises ``Interrupted``."""
    def join(self) -> None:
        """Waits for the end. Items that failed are events, not errors.

        Raises what ended it before its time: ``OSError`` for a full or read-only target, ``Damaged`` when the root
        cannot be read, ``LimitExceeded`` for a snapshot of more than 10^9 paths, ``Interrupted`` after ``stop``.
        """
