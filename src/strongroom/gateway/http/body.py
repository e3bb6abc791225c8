"""A request's body: of a known length or chunked, read into a caller's buffer, within limits on time."""

from __future__ import annotations

import re

from strongroom.base.clock import monotonic
from strongroom.gateway.http.request import BadRequest, check_field
from strongroom.gateway.http.wire import Disconnected, Pace, ServerWire, TimeUp

MAX_CHUNK_LINE = 256
MAX_TRAILERS = 4096
BUFFER = 64 * 1024
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,15}\Z")  # no more: ``int`` knows 0x5 and 1_0, which a proxy reads otherwise


class Body:
    """The body of one request."""

    def __init__(self, wire: ServerWire, length: int | None, pace: Pace, *, awaited: bool = False) -> None:
        self._wire = wire
        self.awaited = awaited
        """Whether the sender waits for the word to go on. He gets it when the body is read, and so is not asked for a
        body that is refused."""
        self._left = 0 if length is None else length
        self._chunked = length is None
        self._first = True
        self._pace = pace
        self._span_waited = wire.waited
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
        if self.awaited:
            self.awaited = False
            self._wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
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
        until = self._until = monotonic() + seconds
        buffer = memoryview(bytearray(BUFFER))
        try:
            while limit > 0 and monotonic() < until:
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
        return monotonic() + self._pace.seconds if self._until is None else self._until

    def _next_chunk(self) -> bool:
        until = self._deadline()
        if not self._first and self._wire.line(2, until):
            raise BadRequest(400, "a chunk is longer than it says")
        self._first = False
        text = self._wire.line(MAX_CHUNK_LINE, until).split(b";", 1)[0]
        if _CHUNK.match(text) is None:
            raise BadRequest(400, "not a chunk")
        self._left = int(text, 16)
        if self._left:
            return True
        budget = MAX_TRAILERS
        while line := self._wire.line(budget, until):
            check_field(line)
            budget -= len(line)
        self.ended = True
        return False

    def _keep_pace(self, count: int) -> None:
        """What counts is the time spent in waiting for the sender: our own disk may be slow, too."""
        self._span_bytes += count
        waited = self._wire.waited
        if waited - self._span_waited > self._pace.seconds:
            if self._span_bytes < self._pace.rate * self._pace.seconds:
                raise TimeUp
            self._span_waited, self._span_bytes = waited, 0
