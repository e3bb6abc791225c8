"""TLS within TLS: an https:// server behind an https:// proxy. The ``ssl`` module's sockets cannot be stacked."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

Result = TypeVar("Result")
_AT_ONCE = 1 << 16


class NestedTls:
    """What a wire uses of a TLS socket that does not block, over another one."""

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: str) -> None:
        self._outer = outer
        self._arrived = ssl.MemoryBIO()
        self._leaving = ssl.MemoryBIO()
        self._unsent = b""
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_hostname=host)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._outer.fileno()

    def do_handshake(self) -> None:
        """Raises SSLWantReadError and SSLWantWriteError where a socket would block, as all here."""
        self._until_done(self._tls.do_handshake)
        self._send_on()

    def recv_into(self, buffer: Buffer) -> int:
        """Some bytes, 0 at the end."""
        view = memoryview(buffer)

        def read() -> int:
            try:
                return int(self._tls.read(len(view), view))
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return 0

        return self._until_done(read)

    def send(self, data: Buffer) -> int:
        """Take all of it; what the socket does not take now goes with the next call."""
        self._send_on()
        taken = self._tls.write(data)
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self._send_on()
        return taken

    def close(self) -> None:
        """Close the socket."""
        self._outer.close()

    def _until_done(self, work: Callable[[], Result]) -> Result:
        while True:
            self._send_on()
            try:
                return work()
            except ssl.SSLWantReadError:
                self._send_on()
                data = self._outer.recv(_AT_ONCE)
                if data:
                    self._arrived.write(data)
                else:
                    self._arrived.write_eof()

    def _send_on(self) -> None:
        while self._unsent or self._leaving.pending:
            self._unsent = self._unsent or self._leaving.read(_AT_ONCE)
            self._unsent = self._unsent[self._outer.send(self._unsent) :]
