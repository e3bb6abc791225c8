"""A connection of the server's, with bounds on what nobody has authenticated: how long a request's head and body take,
the head's size, and how long an answer is waited to be read.

uvicorn itself waits for a head for ever, and keeps all of it; it reads on what follows a request that was answered, and
keeps an answer for whoever does not read it. So a few sockets would keep every host out.
"""

from __future__ import annotations

from asyncio import Transport
from typing import TYPE_CHECKING, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from strongroom.fleet.server.door.listening import ConnectionPlaces

HEAD_SECONDS = 20.0
BODY_SECONDS = 35.0
"""So long the body of a request may take to come, answered or not."""
ANSWER_SECONDS = 120.0
"""So long a request may take from its head to the end of its answer, with all that gateways are asked."""
CLOSING_SECONDS = 10.0
"""So long what was written may wait to be read on a connection that is to be closed."""
MOST_HEAD = 64 * 1024
"""Bytes of a request's line and headers, at most."""


class BoundedConnection(HttpToolsProtocol):
    """Ends itself when what it waits for does not come in time, or has no end."""

    places: ClassVar[ConnectionPlaces | None] = None
    """Where it is said whether something is done for a connection, or nothing but waiting."""
    _waiting: TimerHandle | None = None
    _body: TimerHandle | None = None
    _answer: TimerHandle | None = None
    _closing: TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """The first head is awaited from now on."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Pass it on; what leaves a head without an end is counted, and what follows the last answer is not read."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._waiting is not None:
            self._head += len(data)
            if self._head > MOST_HEAD:
                self._end()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """Its head is here; its body and its answer have their time.

        Raises ``ValueError``, which is 400, for what another server on the way may read otherwise.
        """
        self._calm()
        if self.parser.get_http_version() not in ("1.0", "1.1"):
            raise ValueError("HTTP/1.1 is spoken here")
        fields = [name for name, _ in self.headers]
        if fields.count(b"host") != 1 and (self.parser.get_http_version() == "1.1" or b"host" in fields):
            raise ValueError("a request names one host")
        if any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            raise ValueError("the body's length is ambiguous")
        self._body = self._body or self.loop.call_later(BODY_SECONDS, self._end)
        self._answer = self._answer or self.loop.call_later(ANSWER_SECONDS, self._end)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Its body is here."""
        _cancel(self._body)
        self._body = None
        if self.places is not None:
            self.places.works(self._descriptor)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """It is answered. What was not read of its body is not read any more, and no further request follows it."""
        _cancel(self._answer)
        self._answer = None
        if self._body is not None and not self.transport.is_closing():
            self.transport.close()
        if self.places is not None and not self.pipeline:
            self.places.waits(self._descriptor)
        super().on_response_complete()
        if self.transport.is_closing():
            self._closing = self._closing or self.loop.call_later(CLOSING_SECONDS, self._end)
        elif self.pipeline or not self.cycle.response_complete:
            self._answer = self.loop.call_later(ANSWER_SECONDS, self._end)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._calm_all()
        super().connection_lost(exc)

    @property
    def _descriptor(self) -> int:
        found: int = self.transport.get_extra_info("socket").fileno()
        return found

    def _await_head(self) -> None:
        self._calm()
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._end)

    def _calm(self) -> None:
        _cancel(self._waiting)
        self._waiting = None
        self._head = 0

    def _calm_all(self) -> None:
        self._calm()
        for timer in (self._body, self._answer, self._closing):
            _cancel(timer)
        self._body = self._answer = self._closing = None

    def _end(self) -> None:
        self._calm_all()
        self.transport.abort()


def _cancel(timer: TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
