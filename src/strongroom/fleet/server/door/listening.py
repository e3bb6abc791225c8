"""Listening with a bound on connections before anything else: also on those that never end their TLS handshake.

uvicorn counts connections once they speak, and refuses whoever comes last. Here each address has its share, so that one
that opens as many as it can keeps nobody else out; and where no place is left, whoever only waits loses his to who is
new: of the address that has the most of them the one that has waited longest. Nobody who is being served loses a place.
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


class ConnectionPlaces:
    """The connections that there are. Used from one event loop."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._waiting: dict[int, _Counted] = {}
        """Those for which nothing is done but waiting for their next request, by descriptor, the longest first."""
        self._working: dict[int, _Counted] = {}

    @property
    def taken(self) -> int:
        """How many there are."""
        return self._counts.total()

    def enter(self, connection: _Counted) -> None:
        """Count a connection, whose request is waited for."""
        connection.places = self
        self._counts[connection.network] += 1
        self._waiting[connection.fileno()] = connection

    def leave(self, connection: _Counted) -> None:
        """Count it no more. Call it before its descriptor is closed; idempotent."""
        if connection.places is None:
            return
        connection.places = None
        self._counts[connection.network] -= 1
        if not self._counts[connection.network]:
            del self._counts[connection.network]
        for known in (self._waiting, self._working):
            known.pop(connection.fileno(), None)

    def works(self, descriptor: int) -> None:
        """A whole request has come on the connection with this descriptor; one that was ended is not known."""
        if (found := self._waiting.pop(descriptor, None)) is not None:
            self._working[descriptor] = found

    def waits(self, descriptor: int) -> None:
        """It was answered."""
        if (found := self._working.pop(descriptor, None)) is not None:
            self._waiting[descriptor] = found

    def dismiss(self) -> None:
        """End all that only wait."""
        for one in list(self._waiting.values()):
            self._end(one)

    def make_room(self, network: str) -> bool:
        """Whether there is room for one more connection of a network, be it by ending one that waits."""
        own = network.startswith("127.") or network == "::/64"
        if not own and self._counts[network] >= MOST_OF_ONE and not self._end_one(network):
            return False
        return self.taken < MOST or self._end_one()

    def _end_one(self, network: str | None = None) -> bool:
        waiting = [one for one in self._waiting.values() if network in (None, one.network)]
        if not waiting:
            return False
        crowds = Counter(one.network for one in waiting)
        self._end(max(waiting, key=lambda one: crowds[one.network]))  # of equals the first, which waits longest
        return True

    def _end(self, connection: _Counted) -> None:
        self.leave(connection)
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)  # its transport sees the end, and closes it


class CountingSocket(socket.socket):
    """A listening socket that ends what is beyond the bounds at once."""

    places: ConnectionPlaces

    def accept(self) -> tuple[socket.socket, object]:
        """The next connection within the bounds. Raises ``BlockingIOError`` when there is none."""
        for _ in range(_TURNED_AWAY):
            descriptor, address = self._accept()  # type: ignore[attr-defined]
            network = network_of(address[0]) if isinstance(address, tuple) else ""
            if self.places.make_room(network):
                found = _Counted(self.family, self.type, self.proto, fileno=descriptor)
                found.network = network
                self.places.enter(found)
                return found, address
            socket.close(descriptor)
        raise BlockingIOError  # those that are served have their turn


class _Counted(socket.socket):
    """A connection that gives its place back when it is closed."""

    places: ConnectionPlaces | None = None
    network = ""

    def close(self) -> None:
        """Close it; its place is free."""
        if self.places is not None:
            self.places.leave(self)
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
        found.places = ConnectionPlaces()
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(1024)
    except OSError as error:
        raise ConfigurationError(f"cannot listen: {error.strerror or error}", subject=f"{host}:{port}") from None
    return found
