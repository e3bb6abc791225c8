"""A worker's server: accepts from the listeners, one thread for each connection, a graceful end."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.gateway.http.addresses import network_of, plain
from strongroom.gateway.http.connection import Timing, serve
from strongroom.gateway.http.places import Places
from strongroom.gateway.http.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.gateway.http.connection import Handler
    from strongroom.gateway.http.places import Seat
    from strongroom.gateway.http.shares import AcceptingShare
    from strongroom.gateway.http.tls import Certificates

FULL_SECONDS = 0.02
YIELD_SECONDS = 0.001
"""A worker with more connections than another leaves it so much time to take the next one."""


class Server:
    """Serves until ``stop``."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        handler: Handler,
        *,
        certificates: Certificates | None = None,
        timing: Timing | None = None,
        share: AcceptingShare | None = None,
        crowd: Callable[[str], str] = network_of,
    ) -> None:
        """``crowd`` as in ``Places``."""
        self._share = share or Shares(1).of(0)
        self._listeners = listeners
        self._handler = handler
        self._certificates = certificates
        self._timing = timing or Timing()
        self._places = Places(crowd)
        self._stopping = False
        self._wake_receive, self._wake_send = socket.socketpair()
        self._wake_receive.setblocking(False)
        self._wake_send.setblocking(False)

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._places.taken

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopping

    def accept(self) -> None:
        """Accept until ``stop`` is called; returns when no new connection is taken any more."""
        selector = selectors.DefaultSelector()
        for listener in self._listeners:
            listener.setblocking(False)
            selector.register(listener, selectors.EVENT_READ)
        selector.register(self._wake_receive, selectors.EVENT_READ)
        while not self._stopping:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj is self._wake_receive:
                    with contextlib.suppress(BlockingIOError):
                        self._wake_receive.recv(4096)
                elif not self._stopping:
                    self._accept(key.fileobj)
        selector.close()

    def wake_on_signals(self) -> None:
        """Let every signal end the wait for a connection. Call it from the main thread.

        Python runs a handler between two steps of its own: a signal that comes after the last step before the wait
        would else be heeded only when somebody connects.
        """
        signal.set_wakeup_fd(self._wake_send.fileno(), warn_on_full_buffer=False)

    def stop(self) -> None:
        """Take no new connections, and end each after its present request. Safe in a signal handler."""
        self._stopping = True
        self._share.leave()
        with contextlib.suppress(BlockingIOError):  # full: then it wakes anyway
            self._wake_send.send(b"x")

    def wait(self, seconds: float) -> bool:
        """Wait for the connections to end; whether they did."""
        until = monotonic() + seconds
        while self._places.taken and monotonic() < until:
            self._places.dismiss()  # each time: one may have begun to wait just now
            time.sleep(0.02)
        return not self._places.taken

    def close(self) -> None:
        """Free what it was woken by, for a process that goes on: after ``accept``, and when nobody stops it any more.

        Connections that are open go on.
        """
        self._wake_receive.close()
        self._wake_send.close()

    def _accept(self, listener: socket.socket) -> None:
        if not self._share.is_due:
            time.sleep(YIELD_SECONDS)
        if not self._places.has_room:
            time.sleep(FULL_SECONDS)
            return  # all are at work: who is new waits in the listener's queue, perhaps for another worker
        try:
            connection, address = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the other end has gone
        except OSError:
            time.sleep(0.1)  # no descriptors left: connections that end will free some
            return
        peer = plain(str(address[0])) if isinstance(address, tuple) else ""
        seat = self._places.enter(connection, peer)
        if seat is None:
            connection.close()
            return
        self._note()
        try:
            threading.Thread(target=self._serve, args=(seat, peer), daemon=True).start()
        except RuntimeError:  # no more threads: connections that end will free some
            seat.leave()
            connection.close()
            time.sleep(0.1)

    def _serve(self, seat: Seat, peer: str) -> None:
        try:
            context = self._certificates.context if self._certificates else None
            serve(seat, peer, context, self._handler, self._timing, lambda: self._stopping)
        finally:
            self._note()

    def _note(self) -> None:
        if not self._stopping:
            self._share.note(self._places.taken)
