"""Stores that fail on command, around one that works."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Refused
from strongroom.storage.contract import Info, Reader, Store, Upload
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.base.objects import Kind, ObjectName


class WithholdingStore(Wrapper):
    """A store that does not give one object."""

    def __init__(self, inner: Store, name: str) -> None:
        super().__init__(inner)
        self._name = name

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """Refused for that one, else handed on."""
        if name.name == self._name:
            raise Refused("is in an archive", subject=str(name))
        return super().read(name, offset, length)


class FaultyStore(Wrapper):
    """Raises the errors queued for an operation: ``prepare stat read list create release_lock``.

    ``cut_reads`` and ``cut_lists`` break a read or a list off after so many bytes or names, with the error given.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.queued: dict[str, list[Exception]] = {}
        self.cut_reads: list[tuple[int, Exception]] = []
        self.cut_lists: list[tuple[int, Exception]] = []
        self.calls: list[str] = []
        self._lock = threading.Lock()

    def fail(self, operation: str, *errors: Exception) -> None:
        """Let the next calls of an operation raise these."""
        self.queued.setdefault(operation, []).extend(errors)

    def _enter(self, operation: str) -> None:
        with self._lock:
            self.calls.append(operation)
            queue = self.queued.get(operation)
            error = queue.pop(0) if queue else None
        if error is not None:
            raise error

    def prepare(self) -> None:
        self._enter("prepare")
        self.inner.prepare()

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        self._enter("list")
        cut = self.cut_lists.pop(0) if self.cut_lists else None
        for count, info in enumerate(self.inner.list(kind, after)):
            if cut is not None and count == cut[0]:
                raise cut[1]
            yield info

    def stat(self, name: ObjectName) -> Info:
        self._enter("stat")
        return self.inner.stat(name)

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        self._enter("read")
        reader = self.inner.read(name, offset, length)
        return _CutReader(reader, *self.cut_reads.pop(0)) if self.cut_reads else reader

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        self._enter("stage")
        return self.inner.stage(name, size)

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        self._enter("create")
        self.inner.create(name, data)

    def release_lock(self, name: str) -> None:
        self._enter("release_lock")
        self.inner.release_lock(name)


class _CutReader(Reader):
    def __init__(self, inner: Reader, after: int, error: Exception) -> None:
        self.size = inner.size
        self._inner = inner
        self._left = after
        self._error = error

    def read(self, limit: int = -1, /) -> bytes:
        if self._left <= 0:
            raise self._error
        part = self._inner.read(self._left if limit < 0 else min(limit, self._left))
        self._left -= len(part)
        return part

    def close(self) -> None:
        self._inner.close()
