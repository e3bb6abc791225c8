"""Where to listen: TCP addresses, unix sockets, and sockets that systemd has opened for us."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import stat
from typing import Any

from strongroom.base.errors import ConfigurationError
from strongroom.gateway.http.addresses import plain

BACKLOG = 1024
_FIRST_INHERITED = 3
_PORT = re.compile(r"[0-9]{1,5}\Z")
_MAX_PORT = 65535
_LONGEST_PATH = 107
"""Bytes: unix(7)."""


def open_listeners(addresses: list[str]) -> list[socket.socket]:
    """Listening sockets for ``host:port``, ``:port``, ``unix:/path``; or those inherited, which win as in rest-server.

    Raises ``ConfigurationError`` when an address cannot be used.
    """
    inherited = _inherited()
    return inherited or [_open(address) for address in addresses]


def describe(listener: socket.socket) -> str:
    """The address as rest-server prints it."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{name}"
    if listener.family == socket.AF_INET6:
        zone = f"%{socket.if_indextoname(name[3])}" if name[3] else ""
        return f"[{name[0].partition('%')[0]}{zone}]:{name[1]}"
    return f"{name[0]}:{name[1]}"


def is_local(listener: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    if listener.family == socket.AF_UNIX:
        return True
    host = listener.getsockname()[0]
    return bool(host.startswith("127.") or host == "::1")


def _inherited() -> list[socket.socket]:
    """systemd's sockets (LISTEN_PID, LISTEN_FDS)."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0") or "0")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    found = []
    for descriptor in range(_FIRST_INHERITED, _FIRST_INHERITED + count):
        os.set_inheritable(descriptor, False)
        listener = socket.socket(fileno=descriptor)
        listener.setblocking(True)
        found.append(listener)
    return found


def parse_listen(address: str) -> tuple[str, int] | str:
    """Host and port, or the path of a unix socket. Raises ``ConfigurationError``."""
    hint = "host:port, :port or unix:/path"
    if address.startswith("unix:"):
        path = address[len("unix:") :]
        if not path or len(os.fsencode(path)) > _LONGEST_PATH or "\0" in path:
            raise ConfigurationError("not a path for a unix socket", subject=address, hint=hint)
        return path
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host or "[" in host or "]" in host:
        raise ConfigurationError("not an address to listen on", subject=address, hint=f"{hint}; IPv6 in brackets")
    if not colon or _PORT.match(port) is None or int(port) > _MAX_PORT:
        raise ConfigurationError("not an address to listen on", subject=address, hint=hint)
    return host, int(port)


def _open(address: str) -> socket.socket:
    where = parse_listen(address)
    try:
        if isinstance(where, str):
            return _open_unix(where)
        if not where[0] and socket.has_dualstack_ipv6():
            return socket.create_server(where, family=socket.AF_INET6, backlog=BACKLOG, dualstack_ipv6=True)
        family, place = _resolved(plain(where[0]), where[1])
        return socket.create_server(place, family=family, backlog=BACKLOG)
    except (OSError, UnicodeError) as error:  # a name that has no form in the DNS is the second
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"cannot listen: {reason}", subject=address) from None


def _resolved(host: str, port: int) -> tuple[int, tuple[Any, ...]]:
    """The family and the whole address of a host's; of a name that has several one of IPv4, as rest-server takes it."""
    if not host:
        return socket.AF_INET, (host, port)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, place = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, place


def _open_unix(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            probe = socket.socket(socket.AF_UNIX)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)  # a socket without a listener is what a killed server leaves
            finally:
                probe.close()
    try:
        listener.bind(path)
    except OSError:
        listener.close()
        raise
    listener.listen(BACKLOG)
    return listener
