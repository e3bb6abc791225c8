"""Whose word counts for who is asking and from where: only proxies that were named, and only what they wrote."""

from __future__ import annotations

import functools
import ipaddress
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError
from strongroom.gateway.http.addresses import network_of, parse_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.gateway.http.request import Request

UNIX = "unix"
"""Names whoever connects by a unix socket."""
UNNAMED = (
    "a proxy passes requests on and is not named by --trusted-proxies: all its clients count as one address, with one"
    " budget of wrong passwords"
)
_TRACES = frozenset({"x-forwarded-for", "forwarded", "x-real-ip", "via"})


class Proxies:
    """The proxies that are trusted. Nobody is unless it is said, not even this machine."""

    def __init__(self, named: Sequence[str]) -> None:
        """``named`` are networks, or ``unix``. Raises ``ConfigurationError``."""
        self._named = bool(named)
        self._unix = UNIX in named
        try:
            self._networks = [ipaddress.ip_network(one, strict=False) for one in named if one != UNIX]
        except ValueError as error:
            hint = "such as 127.0.0.1, 192.0.2.0/24 or unix"
            raise ConfigurationError(f"not a network: {error}", subject="--trusted-proxies", hint=hint) from None
        self._unheeded = False

    def trusts(self, peer: str) -> bool:
        """Whether the word of who is at the other end of a connection counts. A unix socket's has no address."""
        if not peer:
            return self._unix
        if not self._networks or (address := _address(peer)) is None:
            return False
        return any(address in network for network in self._networks)

    def client(self, request: Request) -> str:
        """The address that a request comes from: the last one that no trusted proxy has, as those wrote it."""
        found = request.peer
        if not self._named or not self.trusts(found):
            if not self._unheeded and not _TRACES.isdisjoint(request.headers) and _is_near(found):
                self._unheeded = True
            return found
        words = request.headers.get("x-forwarded-for")
        for word in reversed(words.split(",") if words else []):
            address = parse_address(word)
            if address is None:
                break  # what stands before it was written by who knows whom
            found = address
            if not self.trusts(found):
                break
        return found

    def crowd(self, peer: str) -> str:
        """With whom a connection is counted; nobody for a trusted proxy, and for a unix socket, which all share."""
        return "" if self.trusts(peer) else network_of(peer)

    def warning(self) -> str:
        """What somebody should look at; empty when nothing is. Anybody may read it."""
        return UNNAMED if self._unheeded else ""


def _is_near(peer: str) -> bool:
    """Whether a proxy of ours may be there: anybody else who sends such headers only says so."""
    if not peer:
        return True
    address = _address(peer)
    return address is not None and address.is_private


@functools.lru_cache(maxsize=4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
