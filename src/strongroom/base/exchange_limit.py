"""A bound on how long a whole exchange over sockets takes, whatever the peer does.

A timeout of a socket begins anew with each byte, so a peer that drips, or says "continue" for ever, holds a caller for
as long as it likes. Here a timer cuts the connection under the caller, which then fails as with a peer that has gone.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from collections.abc import Iterator


class ExchangeLimit:
    """``seconds`` for each exchange; of one caller, one exchange at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._guard = threading.Lock()
        self._handles: list[socket.socket] = []
        self._kept: list[Any] = []
        self._passed = False

    @contextlib.contextmanager
    def exchange(self) -> Iterator[None]:
        """One exchange. Raises ``TimeoutError`` when it was cut, also where what came looks whole."""
        with self._guard:
            self._passed = False
            self._kept = [one for one in self._kept if one.sock is not None]
        timer = threading.Timer(self._seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            for one in self._kept:
                self.watch(one.sock)
            yield
            if self._passed:
                raise TimeoutError
        except Exception:
            if self._passed:
                raise TimeoutError(f"no whole answer within {self._seconds:g} seconds") from None
            raise
        finally:
            timer.cancel()
            with self._guard:
                for handle in self._handles:
                    handle.close()
                self._handles.clear()

    def watch(self, connection: socket.socket) -> None:
        """Have this connection cut as well. Before its TLS begins, which may drip, too. Raises OSError."""
        handle = socket.socket(fileno=os.dup(connection.fileno()))  # the one at hand is given up for one with TLS
        with self._guard:
            self._handles.append(handle)
            if self._passed:
                _shut(handle)

    def pool(self, **options: Any) -> urllib3.PoolManager:
        """urllib3 for one connection at a time, each under this limit."""

        class Plain(HTTPConnection):
            def _new_conn(connection) -> socket.socket:
                return self._watched(connection, super()._new_conn())

        class Secured(HTTPSConnection):
            def _new_conn(connection) -> socket.socket:
                return self._watched(connection, super()._new_conn())

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecuredPool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secured

        found = urllib3.PoolManager(**options)
        found.pool_classes_by_scheme = {"http": PlainPool, "https": SecuredPool}
        return found

    def _watched(self, connection: object, made: socket.socket) -> socket.socket:
        self.watch(made)
        with self._guard:
            self._kept.append(connection)
        return made

    def _cut(self) -> None:
        with self._guard:
            self._passed = True
            for handle in self._handles:
                _shut(handle)


def _shut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
