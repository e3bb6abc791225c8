"""Trying again what failed for a while.

Only ``Unavailable`` is tried again: after 1 s, then twice as long each time up to a minute, each wait shortened by a
random part of up to a half so that many hosts do not come back together, for 15 minutes in all as restic does. Before
the first answer of any kind, an address where nobody answers is given up after one minute, since it is more often
mistyped than away; so is the removal of a lock, which stands at the end of all work, and goes stale by itself, and so
are small files of ours, for which other repositories wait. A store that says how long to wait (Retry-After) is
believed.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from strongroom.base.errors import Interrupted, StrongroomError, Unavailable
from strongroom.base.record import record
from strongroom.storage.contract import Info, Reader, Store, Upload
from strongroom.storage.http.spool import SpooledUpload, pour
from strongroom.storage.transient import Busy, Unreachable
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.base.clock import Clock
    from strongroom.base.objects import Kind, ObjectName
    from strongroom.storage.contract import Rows
    from strongroom.storage.options import StoreOptions

T = TypeVar("T")
_SLICE = 0.1


@record
class Schedule:
    """How long to wait, all in seconds."""

    first: float = 1.0
    longest: float = 60.0
    total: float = 900.0
    first_contact: float = 60.0
    brief: float = 60.0


class Retrier:
    """Calls a function until it works, fails for good, or time is up. Safe to use from many threads."""

    def __init__(self, options: StoreOptions, schedule: Schedule | None = None) -> None:
        self._schedule = schedule or Schedule(total=options.retry_for)
        self._clock: Clock = options.clock
        self._cancelled = options.cancelled
        self._on_retry = options.on_retry
        self._random = random.Random()
        self._reached = False

    def attempts(self, *, briefly: bool = False) -> Attempts:
        """A budget of time that several calls share: a read that goes on where it broke off."""
        return Attempts(self, self._schedule.brief if briefly else self._schedule.total)

    def call(self, function: Callable[[], T]) -> T:
        """The function's result. Raises its last error, or ``Interrupted``."""
        return self.attempts().call(function)


class Attempts:
    """The waits that belong to one piece of work."""

    def __init__(self, retrier: Retrier, most: float) -> None:
        self._retrier = retrier
        self._most = most
        self._began: float | None = None
        self._delay = retrier._schedule.first

    def call(self, function: Callable[[], T]) -> T:
        """As ``Retrier.call``."""
        while True:
            try:
                result = function()
            except Unavailable as error:
                self.wait(error)
            except StrongroomError:
                self._retrier._reached = True
                raise
            else:
                self._retrier._reached = True
                return result

    def progressed(self) -> None:
        """Something came through: the next fault begins a new count."""
        self._began = None
        self._delay = self._retrier._schedule.first

    def wait(self, error: Unavailable) -> None:
        """Wait before the next attempt. Raises ``error`` when time is up, ``Interrupted`` when cancelled."""
        retrier = self._retrier
        schedule, clock = retrier._schedule, retrier._clock
        now = clock.monotonic()
        if self._began is None:
            self._began = now
        if not isinstance(error, Unreachable):
            retrier._reached = True
        total = min(schedule.total, self._most)
        if not retrier._reached:
            total = min(total, schedule.first_contact)
        delay = self._delay * retrier._random.uniform(0.5, 1.0)
        if isinstance(error, Busy):
            delay = max(delay, error.retry_after)
        left = self._began + total - now
        if left <= 0:
            raise error
        delay = min(delay, left)
        self._delay = min(self._delay * 2, schedule.longest)
        if retrier._on_retry is not None:
            retrier._on_retry(f"{error.subject}: {error.what}; trying again in {delay:.1f} s")
        self._sleep(delay, error)

    def _sleep(self, delay: float, error: Unavailable) -> None:
        clock, cancelled = self._retrier._clock, self._retrier._cancelled
        end = clock.monotonic() + delay
        while True:
            if cancelled():
                raise Interrupted("stopped while waiting for the store", subject=error.subject) from error
            left = end - clock.monotonic()
            if left <= 0:
                return
            clock.sleep(min(left, _SLICE))


class RetryStore(Wrapper):
    """A store whose passing faults are tried again."""

    def __init__(self, inner: Store, retrier: Retrier) -> None:
        super().__init__(inner)
        self.retrier = retrier

    def around(self, inner: Store) -> Wrapper:
        """The same retries around another store."""
        return RetryStore(inner, self.retrier)

    def prepare(self) -> None:
        """Retried."""
        self.retrier.call(self.inner.prepare)

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """Retried; a list that breaks off goes on after its last name."""
        attempts = self.retrier.attempts()
        while True:
            try:
                for info in self.inner.list(kind, after):
                    yield info
                    after = info.name.name
                    attempts.progressed()
            except Unavailable as error:
                attempts.wait(error)
            else:
                return

    def list_groups(self, kind: Kind, after: str | None = None) -> Iterator[Rows]:
        """Retried as ``list``."""
        attempts = self.retrier.attempts()
        while True:
            try:
                for group in self.inner.list_groups(kind, after):
                    yield group
                    after = group[-1][0]
                    attempts.progressed()
            except Unavailable as error:
                attempts.wait(error)
            else:
                return

    def has_folder(self, kind: Kind) -> bool | None:
        """Retried."""
        return self.retrier.call(lambda: self.inner.has_folder(kind))

    def stat(self, name: ObjectName) -> Info:
        """Retried."""
        return self.retrier.call(lambda: self.inner.stat(name))

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """Retried; a read that breaks off goes on where it was."""
        attempts = self.retrier.attempts()
        reader = attempts.call(lambda: self.inner.read(name, offset, length))
        return _RetryReader(self.inner, attempts, name, offset, reader)

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """Collected first (in memory up to 1 MiB, then on disk), since a failed upload must be sent again whole."""

        def send(file: BinaryIO, length: int) -> None:
            file.seek(0)
            pour(file, self.inner.stage(name, length))

        return SpooledUpload(name, size, lambda file, length: self.retrier.call(lambda: send(file, length)))

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """Retried."""
        self.retrier.call(lambda: self.inner.create(name, data))

    def release_lock(self, name: str) -> None:
        """Retried, not for long."""
        self.retrier.attempts(briefly=True).call(lambda: self.inner.release_lock(name))


def retrier_of(store: Store) -> Retrier | None:
    """The retries around a store; None where nothing is tried again, as in a folder."""
    while isinstance(store, Wrapper):
        if isinstance(store, RetryStore):
            return store.retrier
        store = store.inner
    return None


class _RetryReader(Reader):
    """Opens what is left again when the connection breaks."""

    def __init__(self, store: Store, attempts: Attempts, name: ObjectName, offset: int, reader: Reader) -> None:
        self.size = reader.size
        self._store = store
        self._attempts = attempts
        self._name = name
        self._end = offset + reader.size
        self._position = offset
        self._reader = reader

    def read(self, limit: int = -1, /) -> bytes:
        """As the contract says."""
        wanted = self.size if limit < 0 else limit
        parts: list[bytes] = []
        while wanted and self._position < self._end:
            try:
                part = self._reader.read(min(wanted, 1 << 23) if limit < 0 else wanted)
            except Unavailable as error:
                self._attempts.wait(error)
                self._open_again()
                continue
            self._position += len(part)
            wanted -= len(part)
            self._attempts.progressed()
            if limit >= 0:
                return part
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _open_again(self) -> None:
        self._reader.close()
        position, length = self._position, self._end - self._position
        self._reader = self._attempts.call(lambda: self._store.read(self._name, position, length))

    def fileno(self) -> int | None:
        """The inner reader's."""
        return self._reader.fileno()

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()
