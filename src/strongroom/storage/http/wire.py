"""A connection whose waits let the user stop: what ``http.client`` takes for a socket."""

from __future__ import annotations

import errno
import io
import os
import select
import socket
from typing import TYPE_CHECKING, cast

from strongroom.storage.stopping import SLICE, Purpose

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Buffer

    from strongroom.storage.http.nested_tls import NestedTls
    from strongroom.storage.stopping import Stop

_AT_ONCE = 1 << 16
"""Bytes handed to TLS at once: it takes a piece whole or not at all, and a stalled one has to be told from a slow."""
_TLS_WAITS = {"SSLWantReadError": select.POLLIN, "SSLWantWriteError": select.POLLOUT}


SLOWEST = 50
"""Bytes a second that an answer must come with on average, or it is one that never ends."""


class ClientWire:
    """A connected socket. ``timeout`` seconds without a byte, or with an answer slower than ``SLOWEST``, raise
    TimeoutError; a wish to stop, ``Interrupted``."""

    def __init__(self, sock: socket.socket, stop: Stop, timeout: float) -> None:
        sock.setblocking(False)
        self._sock: socket.socket | NestedTls = sock
        self._stop = stop
        self._users = 1
        self._came = 0
        self._waited = 0.0
        self.timeout = timeout
        self.purpose = Purpose.READ
        """What it is used for now."""

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._sock.fileno()

    def wait(self, events: int) -> None:
        """Wait until the socket is ready. Raises TimeoutError, ``Interrupted``."""
        poller = select.poll()
        poller.register(self._sock.fileno(), events)
        began = self._stop.now()
        self._stop.check(self.purpose, began)  # here, too: a server that sends byte after byte never lets us wait long
        while not poller.poll(SLICE * 1000):
            self._stop.check(self.purpose, began)
            if self._stop.now() - began >= self.timeout:
                raise TimeoutError("timed out")

    def recv_into(self, buffer: Buffer) -> int:
        """Some bytes, 0 at the end. Raises OSError, ``Interrupted``."""
        while True:
            try:
                came = self._sock.recv_into(buffer)
            except OSError as error:
                events = _blocked(error, select.POLLIN)
            else:
                self._came += came
                return came
            began = self._stop.now()
            self.wait(events)
            if self._came:
                self._look_at_pace(self._stop.now() - began)

    def _look_at_pace(self, waited: float) -> None:
        """Only what we waited for counts: who reads slowly has no reason to complain. Raises TimeoutError."""
        self._waited += waited
        if self._waited >= self.timeout:
            if self._came < SLOWEST * self._waited:
                raise TimeoutError("timed out")
            self._came, self._waited = 0, 0.0

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything. Raises OSError, ``Interrupted``."""
        view = memoryview(data).cast("B")
        self._came, self._waited = 0, 0.0  # whatever comes now is another answer
        while view:
            try:
                view = view[self._sock.send(view[:_AT_ONCE]) :]
            except OSError as error:
                self.wait(_blocked(error, select.POLLOUT))

    def receive(self, count: int) -> bytes:
        """Exactly so many bytes. Raises OSError, ``Interrupted``; ConnectionError at the end."""
        found = bytearray(count)
        view = memoryview(found)
        while view:
            if not (got := self.recv_into(view)):
                raise ConnectionError("the connection ended")
            view = view[got:]
        return bytes(found)

    def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from now on. Raises OSError, ``Interrupted``."""
        sock: ssl.SSLSocket | NestedTls
        if isinstance(self._sock, socket.socket) and not hasattr(self._sock, "do_handshake"):
            sock = context.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
        else:
            from strongroom.storage.http.nested_tls import NestedTls  # noqa: PLC0415 -- it needs ssl

            sock = NestedTls(cast("ssl.SSLSocket", self._sock), context, host)
        self._sock = sock
        while True:
            try:
                sock.do_handshake()
            except OSError as error:
                self.wait(_blocked(error, select.POLLIN))
            else:
                return

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """For ``http.client``, which reads answers through it."""
        self._users += 1
        return io.BufferedReader(_Raw(self))

    def close(self) -> None:
        """Close it, once the answers that are read from it are closed, too."""
        self._users -= 1
        if self._users <= 0:
            self._sock.close()


class _Raw(io.RawIOBase):
    """The reading end of a wire as a file."""

    def __init__(self, wire: ClientWire) -> None:
        self._wire: ClientWire | None = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        if self._wire is None:
            raise ValueError("closed")
        return self._wire.recv_into(buffer)

    def close(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
        super().close()


def connect(family: int, address: object, stop: Stop, timeout: float, purpose: Purpose = Purpose.READ) -> ClientWire:
    """Connect to a socket's address. Raises OSError, ``Interrupted``."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        wire = ClientWire(sock, stop, timeout)
        wire.purpose = purpose
        began = stop.now()
        while True:
            code = sock.connect_ex(address)  # type: ignore[arg-type]  # a pair, a path: by family
            if code != errno.EAGAIN or family != socket.AF_UNIX:
                break
            stop.check(purpose, began)  # the queue of a socket in the file system is full: nothing to wait on
            if stop.now() - began >= timeout:
                raise TimeoutError("timed out")
            select.select([], [], [], SLICE)
        if code in {errno.EINPROGRESS, errno.EAGAIN, errno.EINTR}:
            wire.wait(select.POLLOUT)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return wire


def connect_to(host: str, port: int, stop: Stop, timeout: float, purpose: Purpose = Purpose.READ) -> ClientWire:
    """Connect to the first address of a host that answers. Raises OSError, UnicodeError, ``Interrupted``."""
    found = stop.result_of(lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), purpose)
    failure: OSError = OSError("the host has no address")
    for family, _, _, _, address in found:
        try:
            return connect(family, address, stop, timeout, purpose)
        except OSError as error:
            failure = error
    raise failure


def _blocked(error: OSError, events: int) -> int:
    """What to wait for when a socket could not go on; raises ``error`` when it was something else."""
    if isinstance(error, BlockingIOError):
        return events
    waits = _TLS_WAITS.get(type(error).__name__)
    if waits is None:
        raise error
    return waits
