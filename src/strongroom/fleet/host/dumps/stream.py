"""A dump on its way into a backup: a pipe that is filled in a thread, and the word at its end whether it is whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Interrupted
from strongroom.fleet.host.dumps.contract import TAIL, DumpFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.fleet.host.dumps.contract import DatabaseDump
    from strongroom.fleet.host.dumps.sizes import DumpSizes

_PIPE = 1 << 20
_LOOK = 0.1


class DumpStream:
    """One dump. ``start`` and ``must_be_whole`` are what a backup's ``Stream`` asks for; ``release`` ends all."""

    def __init__(self, dump: DatabaseDump, sizes: DumpSizes, warn: Callable[[str], None]) -> None:
        self._dump = dump
        self._sizes = sizes
        self._warn = warn
        self._read: int | None = None
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._bytes = 0
        self._tail = b""

    def start(self) -> int:
        """Begin the dump; the descriptor that it comes from."""
        self._read, write = os.pipe2(os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # an ordinary user may have no more of such room
            fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE)
        self._thread = threading.Thread(target=self._fill, args=(write,), name="dump", daemon=True)
        self._thread.start()
        return self._read

    def _fill(self, descriptor: int) -> None:
        def write(data: bytes) -> None:
            self._bytes += len(data)
            self._tail = (self._tail + data)[-TAIL:] if len(data) < TAIL else data[-TAIL:]
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]

        try:
            self._dump.producer.produce(write)
        except BaseException as error:
            self._error = error
        finally:
            os.close(descriptor)

    def must_be_whole(self, stopped: Callable[[], bool]) -> None:
        """Wait for its end. Raises ``DumpFailed`` unless it is whole, ``Interrupted`` when asked to stop."""
        assert self._thread is not None
        while self._thread.is_alive():
            if stopped():
                raise Interrupted("interrupted")
            self._thread.join(_LOOK)
        label = self._dump.label
        if isinstance(self._error, DumpFailed):
            subject = f"{label}: {self._error.subject}" if self._error.subject else label
            raise DumpFailed(self._error.what, subject=subject, hint=self._error.hint)
        if self._error is not None:
            raise DumpFailed(f"the dump came to no end: {self._error}", subject=label)
        if not self._bytes:
            raise DumpFailed("the dump is empty; no snapshot was made of it", subject=label)
        if not self._dump.is_whole(self._tail):
            raise DumpFailed(
                "the dump was cut off; no snapshot was made of it",
                subject=label,
                hint=f"Its last line does not begin with {self._dump.last_words!r}: leave the program's comments on.",
            )
        last = self._sizes.last(label)
        if 2 * self._bytes < last:
            self._warn(f"{label}: the dump has {self._bytes} bytes, less than half of the last one's {last}")

    def saved(self) -> None:
        """A snapshot of it was made: remember how large it was."""
        self._sizes.remember(self._dump.label, self._bytes)

    def abandon(self) -> None:
        """End what makes it, and wait for nobody."""
        self._dump.producer.abandon()

    def release(self) -> None:
        """It is not wanted any more: end what makes it, unless it has ended."""
        if self._thread is None:
            return
        if self._thread.is_alive():
            self._dump.producer.abandon()
        if self._read is not None:
            os.close(self._read)
            self._read = None
        self._thread.join()
