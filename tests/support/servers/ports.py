"""Ports that nobody else uses."""

from __future__ import annotations

import socket

_KEPT: list[socket.socket] = []


def reserve() -> socket.socket:
    """A socket that keeps a loopback port for as long as it is open: a server may listen there, again and again.

    It is bound and never listens. Linux lets a server with SO_REUSEADDR, as all servers here set it, bind beside it,
    and gives the port to nobody who asks for any: without it, a server that is started anew could find its port taken.
    """
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    return keeper


def free_port() -> int:
    """A loopback port that stays free for the session's servers."""
    keeper = reserve()
    _KEPT.append(keeper)
    return int(keeper.getsockname()[1])
