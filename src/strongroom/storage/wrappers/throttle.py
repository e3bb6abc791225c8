"""Limits on what goes up and down in a second, for each store."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Interrupted
from strongroom.storage.contract import Reader, Store, Upload
from strongroom.storage.stopping import Purpose
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.options import StoreOptions

_BURST = 0.25
_LONGEST_SLEEP = 0.1
_GRACE = Purpose.STORE.value[1]
"""Seconds for which what is under way may go on after SIGINT."""


class RateLimit:
    """Lets ``rate`` bytes a second pass, a quarter of a second's worth at once. Shared by all threads of a store."""

    def __init__(self, rate: float, options: StoreOptions) -> None:
        self.slice = int(min(65536, max(1024, rate / 10)))
        """How many bytes to ask for at once, so that the flow is even."""
        self._rate = rate
        self._clock = options.clock
        self._cancelled = options.cancelled
        self._lock = threading.Lock()
        self._paid_until = self._clock.monotonic()
        self._asked: float | None = None

    def take(self, count: int) -> None:
        """Wait until ``count`` bytes may pass. Raises ``Interrupted``."""
        with self._lock:
            now = self._clock.monotonic()
            self._paid_until = max(self._paid_until, now - _BURST) + count / self._rate
            ready = self._paid_until
        while (left := ready - self._clock.monotonic()) > 0:
            if self._cancelled() and self._grace_is_over():
                raise Interrupted("stopped while waiting for the bandwidth limit")
            self._clock.sleep(min(left, _LONGEST_SLEEP))

    def _grace_is_over(self) -> bool:
        """Whether the wish to stop is older than what uploads under way and their index are given."""
        now = self._clock.monotonic()
        with self._lock:
            if self._asked is None:
                self._asked = now
            return now - self._asked >= _GRACE


class ThrottledStore(Wrapper):
    """A store whose objects' bytes pass through buckets; None lets them through. Lists are not counted."""

    def __init__(self, inner: Store, up: RateLimit | None, down: RateLimit | None) -> None:
        super().__init__(inner)
        self._up = up
        self._down = down

    def around(self, inner: Store) -> Wrapper:
        """Another store behind the same buckets."""
        return ThrottledStore(inner, self._up, self._down)

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """As the contract says; without a descriptor where downloads are limited."""
        reader = self.inner.read(name, offset, length)
        return reader if self._down is None else _ThrottledReader(reader, self._down)

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """As the contract says."""
        upload = self.inner.stage(name, size)
        return upload if self._up is None else _ThrottledUpload(upload, self._up)

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """As the contract says."""
        if self._up is None:
            self.inner.create(name, data)
            return
        with self.stage(name, memoryview(data).nbytes) as upload:
            upload.write(data)
            upload.commit()


class _ThrottledUpload(Upload):
    def __init__(self, inner: Upload, bucket: RateLimit) -> None:
        self._inner = inner
        self._bucket = bucket

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        view = memoryview(data).cast("B")
        for start in range(0, len(view), self._bucket.slice):
            piece = view[start : start + self._bucket.slice]
            self._bucket.take(len(piece))
            self._inner.write(piece)

    def commit(self) -> None:
        self._inner.commit()

    def abort(self) -> None:
        self._inner.abort()


class _ThrottledReader(Reader):
    def __init__(self, inner: Reader, bucket: RateLimit) -> None:
        self.size = inner.size
        self._left = inner.size
        self._inner = inner
        self._bucket = bucket

    def read(self, limit: int = -1, /) -> bytes:
        wanted = self._left if limit < 0 else min(limit, self._left)
        parts: list[bytes] = []
        while wanted:
            part = self._inner.read(min(wanted, self._bucket.slice))
            self._bucket.take(len(part))
            self._left -= len(part)
            wanted -= len(part)
            parts.append(part)
            if limit >= 0:
                break
        return b"".join(parts)

    def close(self) -> None:
        self._inner.close()
