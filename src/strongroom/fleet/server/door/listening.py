"""Listening with a bound on connections before anything else: also on those that never end their TLS handshake.

uvicorn counts connections once they speak, and refuses whoever comes last. Here each address has its share, so that one
that opens as many as it can keeps nobody else out.
"""

from __future__ import annotations

import contextlib
import resource
import socket
from collections import Counter

from strongroom.base.errors import ConfigurationError
from strongroom.fleet.server.attempts import network_of

MOST, MOST_OF_ONE = 1000, 128
"""Connections of all addresses, and of one; this machine's own, such as a proxy's, have no share."""
_FILES = 4096
_TURNED_AWAY = 100
"""Connections that are ended in one go, at most."""


class CountingSocket(socket.socket):
    """A listening socket that ends what is beyond the bounds at once."""

    counts: Counter[str]

    def accept(self) -> tuple[socket.socket, object]:
        """The next connection within the bounds. Raises ``BlockingIOError`` when there is none."""
        for _ in range(_TURNED_AWAY):
            descriptor, address = self._accept()  # type: ignore[attr-defined]
            network = network_of(address[0]) if isinstance(address, tuple) else ""
            own = network.startswith("127.") or network == "::/64"
            if self.counts.total() < MOST and (own or self.counts[network] < MOST_OF_ONE):
                self.counts[network] += 1
                found = _Counted(self.family, self.type, self.proto, fileno=descriptor)
                found.counts, found.network = self.counts, network
                return found, address
            socket.close(descriptor)
        raise BlockingIOError  # those that are served have their turn


class _Counted(socket.socket):
    """A connection that gives its place back when it is closed."""

    counts: Counter[str] | None = None
    network = ""

    def close(self) -> None:
        """Close it; its place is free."""
        if self.counts is not None:
            self.counts[self.network] -= 1
            if self.counts[self.network] <= 0:
                del self.counts[self.network]
            self.counts = None
        super().close()


def listen(host: str, port: int) -> CountingSocket:
    """A listening socket. Raises ``ConfigurationError``."""
    with contextlib.suppress(ValueError, OSError):  # a thousand connections and a database do not fit into 1,024 files
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft < _FILES:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(_FILES, hard), hard))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = CountingSocket(family, kind, protocol)
        found.counts = Counter()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(1024)
    except OSError as error:
        raise ConfigurationError(f"cannot listen: {error.strerror or error}", subject=f"{host}:{port}") from None
    return found
