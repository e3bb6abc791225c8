"""A request's body: of a known length or chunked, read into a caller's buffer, within limits on time."""

from __future__ import annotations

import re
import ssl
import time
from typing import TYPE_CHECKING

from strongroom.gateway.http.request import BadRequest

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

MAX_CHUNK_LINE = 256
MAX_TRAILERS = 4096
BUFFER = 64 * 1024
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,15}\Z")  # no more: ``int`` knows 0x5 and 1_0, which a proxy reads otherwise


class Disconnected(Exception):
    """The other end has gone, or was too slow for too long."""


class Pace:
    """How slow a sender may be: at least ``rate`` bytes a second over each span of ``seconds``."""

    def __init__(self, rate: int, seconds: float) -> None:
        self.rate = rate
        self.seconds = seconds


TICK = 2.0
"""Seconds after which a waiting read looks whether there is still something to wait for."""


class Wire:
    """A connection's incoming bytes. The socket blocks, with a receive timeout of ``TICK`` that the kernel keeps."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._rest = b""

    def fill(self, view: memoryview, until: float) -> int:
        """Read some bytes into the view; 0 at the end. Raises ``Disconnected`` on errors and when time is up."""
        if self._rest:
            count = min(len(self._rest), len(view))
            view[:count] = self._rest[:count]
            self._rest = self._rest[count:]
            return count
        while True:
            try:
                return self._socket.recv_into(view)
            except (BlockingIOError, ssl.SSLWantReadError):
                if time.monotonic() > until:
                    raise Disconnected from None
            except OSError:
                raise Disconnected from None

    def head(self, limit: int, idle: float, seconds: float, ending: Callable[[], bool]) -> bytes | None:
        """The bytes up to the next empty line, without it; None when the connection ends before the first of them.

        ``idle`` seconds may pass before the first byte, unless the process is ending, and ``seconds`` from then on.
        """
        data = self._rest
        until = time.monotonic() + (seconds if data else idle)
        while True:
            end = data.find(b"\r\n\r\n")
            if 0 <= end <= limit:
                self._rest = data[end + 4 :]
                return data[:end]
            if len(data) > limit:
                raise BadRequest(431, "the head is too large")
            try:
                more = self._socket.recv(BUFFER)
            except (BlockingIOError, ssl.SSLWantReadError):
                if time.monotonic() > until or (not data and ending()):
                    if data:
                        raise BadRequest(408, "the head came too slowly") from None
                    return None
                continue
            except OSError:
                more = b""
            if not more:
                if data:
                    raise Disconnected
                return None
            now = time.monotonic()
            if not data:
                until = now + seconds
            elif now > until:
                raise BadRequest(408, "the head came too slowly")
            data += more

    def line(self, limit: int, until: float) -> bytes:
        """The bytes up to the next line feed, without CR LF. Raises ``BadRequest`` or ``Disconnected``."""
        data = self._rest
        buffer = memoryview(bytearray(4096))
        while b"\n" not in data:
            if len(data) > limit:
                raise BadRequest(400, "a line of the chunked body is too long")
            self._rest = b""
            count = self.fill(buffer, until)
            if not count:
                raise Disconnected
            data += buffer[:count]
        found, _, self._rest = data.partition(b"\n")
        if not found.endswith(b"\r") or len(found) > limit + 1:
            raise BadRequest(400, "a line of the chunked body is not of its form")
        return found[:-1]


class Body:
    """The body of one request."""

    def __init__(self, wire: Wire, length: int | None, pace: Pace) -> None:
        self._wire = wire
        self._left = 0 if length is None else length
        self._chunked = length is None
        self._first = True
        self._pace = pace
        self._span_begun = 0.0
        self._span_bytes = 0
        self._until: float | None = None
        self.length = length
        self.ended = length == 0
        self.read = 0
        """Bytes of content so far."""

    def readinto(self, view: memoryview) -> int:
        """Some bytes of the content; 0 at its end.

        Raises ``Disconnected`` when it breaks off or comes too slowly, ``BadRequest`` when the chunks are malformed.
        """
        if self.ended:
            return 0
        if not self._left and not self._next_chunk():
            return 0
        count = self._wire.fill(view[: self._left], self._deadline())
        if count == 0:
            raise Disconnected
        self._left -= count
        self.read += count
        self._keep_pace(count)
        if not self._left and not self._chunked:
            self.ended = True
        return count

    def drain(self, limit: int, seconds: float) -> bool:
        """Read on to the end, so that the sender sees the answer; whether the end was reached within the limits."""
        until = self._until = time.monotonic() + seconds
        buffer = memoryview(bytearray(BUFFER))
        try:
            while limit > 0 and time.monotonic() < until:
                count = self.readinto(buffer)
                if count == 0:
                    return True
                limit -= count
        except (Disconnected, BadRequest):
            pass
        return self.ended

    @property
    def left(self) -> int | None:
        """Bytes that are still to come; None when that is not known."""
        return None if self._chunked else self._left

    def _deadline(self) -> float:
        return time.monotonic() + self._pace.seconds if self._until is None else self._until

    def _next_chunk(self) -> bool:
        until = self._deadline()
        if not self._first and self._wire.line(2, until):
            raise BadRequest(400, "a chunk is longer than it says")
        self._first = False
        text = self._wire.line(MAX_CHUNK_LINE, until).split(b";", 1)[0].strip(b" \t")
        if _CHUNK.match(text) is None:
            raise BadRequest(400, "not a chunk")
        self._left = int(text, 16)
        if self._left:
            return True
        budget = MAX_TRAILERS
        while line := self._wire.line(budget, until):
            budget -= len(line)
        self.ended = True
        return False

    def _keep_pace(self, count: int) -> None:
        now = time.monotonic()
        if not self._span_begun:
            self._span_begun = now
        self._span_bytes += count
        if now - self._span_begun > self._pace.seconds:
            if self._span_bytes < self._pace.rate * self._pace.seconds:
                raise Disconnected
            self._span_begun, self._span_bytes = now, 0
