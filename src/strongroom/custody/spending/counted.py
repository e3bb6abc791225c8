"""A store that counts the requests for its objects and lists, by class."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base.record import mutable
from strongroom.storage.contract import StoreKind
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.base.objects import Kind, ObjectName
    from strongroom.storage.contract import Info, Reader, Rows, Store, Upload

A_PAGE = 1000
"""Objects in one answer of a bucket that is listed."""


@mutable
class Requests:
    """How many of each class. A folder is asked like a server: each file that is opened is a read."""

    lists: int = 0
    heads: int = 0
    reads: int = 0
    writes: int = 0

    @property
    def total(self) -> int:
        """Of all classes."""
        return self.lists + self.heads + self.reads + self.writes


def pages(kind: StoreKind, objects: int) -> int:
    """The requests with which a store of this kind is asked for a list of so many objects."""
    return max(1, -(-objects // A_PAGE)) if kind in (StoreKind.S3, StoreKind.CLOUD) else 1


class AskingStore(Wrapper):
    """Counts into ``requests``, from any thread."""

    def __init__(self, inner: Store, requests: Requests) -> None:
        super().__init__(inner)
        self._requests = requests
        self._guard = threading.Lock()

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """Counted, by its pages, and handed on."""
        count = 0
        try:
            for info in self.inner.list(kind, after):
                count += 1
                yield info
        finally:
            self._count_list(count)

    def list_groups(self, kind: Kind, after: str | None = None) -> Iterator[Rows]:
        """Counted, by its pages, and handed on."""
        count = 0
        try:
            for group in self.inner.list_groups(kind, after):
                count += len(group)
                yield group
        finally:
            self._count_list(count)

    def _count_list(self, objects: int) -> None:
        with self._guard:
            self._requests.lists += pages(self.store_kind, objects)

    def stat(self, name: ObjectName) -> Info:
        """Counted, and handed on."""
        with self._guard:
            self._requests.heads += 1
        return self.inner.stat(name)

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """Counted, and handed on."""
        with self._guard:
            self._requests.reads += 1
        return self.inner.read(name, offset, length)

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """Counted, and handed on."""
        with self._guard:
            self._requests.writes += 1
        return self.inner.stage(name, size)

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """Counted, and handed on."""
        with self._guard:
            self._requests.writes += 1
        self.inner.create(name, data)

    def around(self, inner: Store) -> AskingStore:
        """As the base says."""
        return AskingStore(inner, self._requests)
