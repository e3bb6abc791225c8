"""Where to listen: TCP addresses, unix sockets, and sockets that systemd has opened for us."""

from __future__ import annotations

import contextlib
import os
import socket
import stat

from strongroom.base.errors import ConfigurationError

BACKLOG = 1024
_FIRST_INHERITED = 3


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
    return f"[{name[0]}]:{name[1]}" if listener.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


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


def _open(address: str) -> socket.socket:
    try:
        if address.startswith("unix:"):
            return _open_unix(address[len("unix:") :])
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdecimal():
            raise ConfigurationError("not an address to listen on", subject=address, hint="host:port or unix:/path")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host or (not host and socket.has_dualstack_ipv6()) else socket.AF_INET
        dual = not host and family == socket.AF_INET6
        return socket.create_server(
            (host, int(port)), family=family, backlog=BACKLOG, dualstack_ipv6=dual, reuse_port=False
        )
    except OSError as error:
        raise ConfigurationError(f"cannot listen: {error.strerror or error}", subject=address) from None


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
    listener.bind(path)
    listener.listen(BACKLOG)
    return listener
