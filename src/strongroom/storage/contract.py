"""The storage contract: what every store promises, and one conformance suite proves.

A store keeps the objects of one repository. It is synchronous and safe to use from many threads. Nothing in it can
delete, but for the release of a lock; deletion is a contract of its own (``strongroom.storage.removal``).
"""

from __future__ import annotations

import contextlib
import itertools
from abc import ABC, abstractmethod
from enum import Enum
from typing import TYPE_CHECKING, Self

from strongroom.base.errors import Damaged, Missing
from strongroom.base.objects import CONFIG
from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from strongroom.base.objects import Kind, ObjectName


Listed = tuple[str, int, int | None]
"""What ``Info`` says, without the kind: name, size in bytes, stamp in nanoseconds."""
Rows = list[Listed]
GROUP = 512
"""So many objects are listed at once at most."""


@record
class Info:
    """What a store says of an object without reading it.

    ``size`` is in bytes. ``modified_ns`` is the store's own stamp, in nanoseconds since 1970 UTC, where it has one.
    """

    name: ObjectName
    size: int
    modified_ns: int | None = None


class Reader(ABC):
    """An open range of an object. Close it, or use it as a context manager."""

    size: int
    """How many bytes this reader yields in all."""

    @abstractmethod
    def read(self, limit: int = -1, /) -> bytes:
        """Up to ``limit`` bytes (all that is left when negative); empty at the end.

        Raises ``Unavailable`` when the store stops half-way and ``Damaged`` when the object has become shorter; neither
        is ever mistaken for its end.
        """

    def fileno(self) -> int | None:
        """A descriptor positioned at the range's first byte, for a store that has one; the range may end before it."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Release what is open. Idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Upload(ABC):
    """An object that is being written and does not exist yet. Leaving the context without ``commit`` aborts."""

    @abstractmethod
    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        """Append bytes."""

    @abstractmethod
    def commit(self) -> None:
        """Make the object exist: all or nothing, durable when this returns, never replacing.

        The same bytes under this name already are success. Raises ``Exists`` when other bytes stand there, ``Full``,
        ``Refused`` or ``Unavailable`` otherwise, ``Damaged`` when other than the announced number of bytes was written;
        after any of these nothing of ours is left behind.
        """

    @abstractmethod
    def abort(self) -> None:
        """Forget what was written. Idempotent, and without effect after ``commit``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def check_size(name: ObjectName, announced: int | None, written: int) -> None:
    """Refuse an upload that was cut short or ran over. Raises ``Damaged``."""
    if announced is not None and announced != written:
        raise Damaged(f"{announced} bytes were announced, {written} written", subject=str(name))


class StoreKind(Enum):
    """The kinds of stores that there are; what each can do is registered in ``storage/kinds.py``."""

    LOCAL = "local"
    REST = "rest"
    RCLONE = "rclone"
    S3 = "s3"
    CLOUD = "cloud"


class Store(ABC):
    """Where the objects of one repository live."""

    store_kind: StoreKind

    conditional_create: bool
    """Whether the store itself refuses to replace (a link on disk, If-None-Match); false where two racing creators of
    one name could both succeed. The config is read first where this is false."""

    connections: int = 5
    """How many requests at once make sense."""

    @property
    @abstractmethod
    def location(self) -> str:
        """The place as a user would write it, without credentials."""

    @property
    def place(self) -> object:
        """Equal for two stores at one place, as far as that can be known without asking anybody."""
        return self.location

    @abstractmethod
    def prepare(self) -> None:
        """Make the place ready to take objects (folders). Idempotent; destroys nothing."""

    @abstractmethod
    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """The objects of a kind in ascending order of their names, those above ``after`` only.

        Constant memory where the store allows it. Names that are not object names are left out. A folder that is not
        there is empty; one that cannot be read is ``Refused`` or ``Unavailable``, never empty.
        """

    def has_folder(self, kind: Kind) -> bool | None:  # noqa: ARG002
        """Whether the folder of a kind is there at all, for who found nothing in it; None where there are no folders.

        Errors as ``list``.
        """
        return None

    def folder_of(self, kind: Kind) -> str | None:  # noqa: ARG002
        """Where all objects of a kind lie as files of one folder of this machine, for who reads many of them himself.

        None for any other store, and where somebody counts or limits what is read.
        """
        return None

    def _list_config(self, after: str | None) -> Iterator[Info]:
        """``list`` of the config, which is in no folder: it is asked for."""
        with contextlib.suppress(Missing):
            info = self.stat(CONFIG)
            if after is None or info.name.name > after:
                yield info

    def list_groups(self, kind: Kind, after: str | None = None) -> Iterator[Rows]:
        """As ``list``, plain and in groups of 1 to ``GROUP``: for whoever hands a long list on."""
        rows = ((info.name.name, info.size, info.modified_ns) for info in self.list(kind, after))
        while group := list(itertools.islice(rows, GROUP)):
            yield group

    @abstractmethod
    def stat(self, name: ObjectName) -> Info:
        """Size and stamp. Raises ``Missing``."""

    @abstractmethod
    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """A range of an object, to its end when ``length`` is None.

        Raises ``Missing``; ``Damaged`` when the object ends before the range does.
        """

    @abstractmethod
    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """Begin an object. ``size`` is the number of bytes to come, where it is known.

        The store does not hash: whoever made the bytes did, or a wrapper does.
        """

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """Write an object in one go; as ``stage`` and ``commit``."""
        with self.stage(name, len(data)) as upload:
            upload.write(data)
            upload.commit()

    def read_bytes(self, name: ObjectName, offset: int = 0, length: int | None = None) -> bytes:
        """A range of an object as bytes; as ``read``."""
        with self.read(name, offset, length) as reader:
            return reader.read()

    @abstractmethod
    def child(self, name: str) -> Store:
        """The store of a repository below this one, where the place can nest. Raises ``Unsupported``.

        The name is one path segment of letters, digits and ``@._-`` without a leading dot.
        """

    @abstractmethod
    def release_lock(self, name: str) -> None:
        """Remove the lock of this name: the one delete of a store, which can build nothing but ``locks/<64 hex>``.

        Idempotent. Raises ``Refused`` where the lock is somebody else's.
        """

    def close(self) -> None:
        """Release connections and temporary files. Idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
