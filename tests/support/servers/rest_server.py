"""A REST server that answers as rest-server does, and goes wrong on command.

It keeps objects in memory: 403 for a name that is taken, even by the same bytes, 400 for a wrong hash or a short body,
v1 or v2 lists in no particular order with strays in them, ranges on everything but the config. ``fail`` queues faults.
"""

from __future__ import annotations

import http.server
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

from tests.support.servers.rest_faults import FaultyObjects
from tests.support.servers.rest_handler import RestHandler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class RestServer(FaultyObjects):
    """The server, on a loopback port or a socket in the file system. Use as a context manager."""

    def __init__(
        self,
        *,
        certificate: Callable[[ssl.SSLContext], None] | None = None,
        unix: Path | None = None,
        **answers: Any,
    ) -> None:
        super().__init__(**answers)
        self.unix = unix
        self._server = _unix_server(unix) if unix else http.server.ThreadingHTTPServer(("127.0.0.1", 0), RestHandler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """What stands after ``rest:``, without credentials."""
        return f"http+unix://{self.unix}:/repo/" if self.unix else f"{self.scheme}://127.0.0.1:{self.port}/repo/"

    def __enter__(self) -> RestServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.freed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _unix_server(path: Path) -> http.server.ThreadingHTTPServer:
    class UnixServer(http.server.ThreadingHTTPServer):
        address_family = socket.AF_UNIX

        def server_bind(self) -> None:
            self.socket.bind(str(path))
            self.server_name, self.server_port = "localhost", 80

    return UnixServer(str(path), RestHandler)  # type: ignore[arg-type]
