"""A worker's server: accepts from the listeners, one thread for each connection, a graceful end."""

from __future__ import annotations

import collections
import contextlib
import selectors
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

from strongroom.gateway.http.connection import Timing, serve
from strongroom.gateway.http.shares import Shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.gateway.http.connection import Handler
    from strongroom.gateway.http.shares import Share
    from strongroom.gateway.http.tls import Certificates

MAX_CONNECTIONS = 512
"""In one worker. Beyond it, new ones wait in the listener's queue."""
MAX_PER_ADDRESS = 256
"""Of one address in one worker, so that a single stranger cannot take all places. Beyond it, they are closed."""
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
        share: Share | None = None,
    ) -> None:
        self._share = share or Shares(1).of(0)
        self._listeners = listeners
        self._handler = handler
        self._certificates = certificates
        self._timing = timing or Timing()
        self._places = threading.Semaphore(MAX_CONNECTIONS)
        self._by_address: collections.Counter[str] = collections.Counter()
        self._guard = threading.Lock()
        self._open = 0
        self._stopping = False
        self._wake_receive, self._wake_send = socket.socketpair()
        self._wake_receive.setblocking(False)
        self._wake_send.setblocking(False)

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._open

    @property
    def stopping(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stopping

    def run(self) -> None:
        """Accept until ``stop`` is called; returns when no new connection is taken any more."""
        selector = selectors.DefaultSelector()
        for listener in self._listeners:
            listener.setblocking(False)
            selector.register(listener, selectors.EVENT_READ)
        selector.register(self._wake_receive, selectors.EVENT_READ)
        while not self._stopping:
            if not self._places.acquire(timeout=0.5):
                continue
            self._places.release()
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
        until = time.monotonic() + seconds
        while self._open and time.monotonic() < until:
            time.sleep(0.02)
        return not self._open

    def _accept(self, listener: socket.socket) -> None:
        if not self._share.is_due:
            time.sleep(YIELD_SECONDS)
        try:
            connection, address = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was faster, or the other end has gone
        except OSError:
            time.sleep(0.1)  # no descriptors left: connections that end will free some
            return
        peer = str(address[0]) if isinstance(address, tuple) else ""
        peer = peer.removeprefix("::ffff:")
        with self._guard:
            crowded = bool(peer) and self._by_address[peer] >= MAX_PER_ADDRESS
            if not crowded:
                self._by_address[peer] += 1
                self._note(1)
        if crowded:
            connection.close()
            return
        self._places.acquire()
        threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()

    def _serve(self, connection: socket.socket, peer: str) -> None:
        try:
            context = self._certificates.context if self._certificates else None
            serve(connection, peer, context, self._handler, self._timing, lambda: self._stopping)
        finally:
            with self._guard:
                self._note(-1)
                self._by_address[peer] -= 1
                if not self._by_address[peer]:
                    del self._by_address[peer]
            self._places.release()

    def _note(self, change: int) -> None:
        self._open += change
        if not self._stopping:
            self._share.note(self._open)
