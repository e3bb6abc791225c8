"""A connection of the server's, with bounds on what nobody has authenticated: how long a request's head takes, and its
size. uvicorn itself waits for a head for ever, and keeps all of it; so a few sockets would keep every host out.
"""

from __future__ import annotations

from asyncio import Transport
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import TimerHandle

HEAD_SECONDS = 20.0
MOST_HEAD = 64 * 1024
"""Bytes of a request's line and headers, at most."""


class BoundedConnection(HttpToolsProtocol):
    """Ends itself when a request's head does not come in time, or has no end."""

    _waiting: TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """The first head is awaited from now on."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Pass it on; what leaves a head without an end is counted."""
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
        """Its head is here; its body has a budget of its own."""
        self._calm()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._calm()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._calm()
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._end)

    def _calm(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self._head = 0

    def _end(self) -> None:
        self._calm()
        self.transport.abort()
