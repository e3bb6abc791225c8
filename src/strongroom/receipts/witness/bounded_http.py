"""One small HTTP exchange that ends within so many seconds in all, whatever the peer does.

A time limit of a socket begins anew with each byte, so a peer that drips holds a caller for as long as it likes. Here a
thread talks, the caller waits by the monotonic clock, and at the end the connection is cut under the thread.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from urllib.parse import urlsplit

from strongroom.base.errors import Unavailable


class Asker:
    """Asks one peer, one question at a time."""

    def __init__(self, seconds: float, most: int) -> None:
        """``seconds`` for a whole exchange; of an answer at most ``most`` bytes and one are read."""
        self._seconds = seconds
        self._most = most
        self._current: _Exchange | None = None
        self._closed = False

    def ask(self, method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
        """The status and the body of the answer. No redirect is followed. Raises ``Unavailable``."""
        if self._closed:
            raise Unavailable("this is ending", subject=url)
        if self._current is not None and self._current.is_alive():
            raise Unavailable("an earlier question still hangs", subject=url)
        exchange = self._current = _Exchange(method, url, body, self._seconds, self._most)
        exchange.start()
        exchange.join(self._seconds)
        if exchange.is_alive():
            exchange.cut()
            raise Unavailable(f"no whole answer within {self._seconds:.0f} seconds", subject=url)
        if exchange.found is None:
            raise Unavailable(f"no answer: {exchange.failure}", subject=url)
        return exchange.found

    def close(self) -> None:
        """Cut what is under way; whoever waits for it hears ``Unavailable``. Idempotent."""
        self._closed = True
        if self._current is not None:
            self._current.cut()


class _Exchange(threading.Thread):
    def __init__(self, method: str, url: str, body: bytes | None, seconds: float, most: int) -> None:
        super().__init__(name="asking", daemon=True)
        self._method, self._url, self._body = method, url, body
        self._seconds, self._most = seconds, most
        self._connection: http.client.HTTPConnection | None = None
        self._cut = False
        self.found: tuple[int, bytes] | None = None
        self.failure = "cut off"

    def run(self) -> None:
        """Ask, and note what came."""
        try:
            parts = urlsplit(self._url)
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            connection = self._connection = kind(parts.hostname or "", parts.port, timeout=self._seconds)
            with contextlib.closing(connection):
                connection.connect()
                if self._cut:
                    return
                connection.request(self._method, parts.path or "/", self._body)
                answer = connection.getresponse()
                self.found = (answer.status, answer.read(self._most + 1))
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.failure = str(error) or type(error).__name__

    def cut(self) -> None:
        """End it: whoever reads or writes comes back at once."""
        self._cut = True
        connection = self._connection.sock if self._connection is not None else None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
