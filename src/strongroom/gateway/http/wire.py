"""A connection's bytes in both directions, plain or TLS, with every wait bounded.

The socket never blocks: a timeout of the socket itself would be retried within OpenSSL, and so never be felt over TLS.
Each wait is a poll that ends at a deadline of the monotonic clock, also where bytes drip in one by one.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import os
import select
import socket
import ssl
import termios
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.gateway.http.buffers import buffer
from strongroom.gateway.http.request import BadRequest

if TYPE_CHECKING:
    from strongroom.gateway.http.places import Seat

_LOOK = 1.0
"""Seconds after which a wait for a reader looks at what it has taken."""
_SENDFILE = 8 << 20


class Disconnected(Exception):
    """The other end has gone, or was too slow for too long."""


class TimeUp(Disconnected):
    """The other end was too slow."""


class Pace:
    """How slow the other end may be: at least ``rate`` bytes a second over each ``seconds`` of waiting for it."""

    def __init__(self, rate: int, seconds: float) -> None:
        self.rate = rate
        self.seconds = seconds


class ServerWire:
    """One end of a connection. Every method may raise ``Disconnected``; its kind ``TimeUp`` where time was up."""

    def __init__(self, connection: socket.socket, pace: Pace | None = None) -> None:
        """``pace`` holds for who takes answers."""
        connection.setblocking(False)
        self.socket = connection
        self.waited = 0.0
        """Seconds spent so far in waiting for bytes to come."""
        self._pace = pace or Pace(8000, 30.0)
        self._rest = b""
        self._dry = True
        """Whether a read would hardly find anything yet."""
        self._plain = not isinstance(connection, ssl.SSLSocket)
        self._poll = select.poll()
        self._poll.register(connection.fileno(), select.POLLIN)
        self._waits_for = select.POLLIN
        self._sent = 0
        self._held_up = 0.0
        """Seconds spent in waiting for the reader since the mark below."""
        self._mark = 0
        """What the reader had taken then."""

    def handshake(self, context: ssl.SSLContext, seconds: float, seat: Seat | None = None) -> None:
        """Speak TLS from now on. ``seat`` is told of the socket that takes the place of the plain one."""
        until = monotonic() + seconds
        try:
            tls = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        except (OSError, ValueError):
            raise Disconnected from None  # it has gone already
        self.socket = tls
        if seat is not None:
            seat.connection = tls
        self._plain = False
        while True:
            try:
                return tls.do_handshake()
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, until)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, until)
            except (OSError, ValueError):
                raise Disconnected from None

    def fill(self, view: memoryview, until: float) -> int:
        """Read some bytes into the view; 0 at the end."""
        if self._rest:
            count = min(len(self._rest), len(view))
            view[:count] = self._rest[:count]
            self._rest = self._rest[count:]
            return count
        begun = monotonic()
        try:
            return self._receive(view, until)
        finally:
            self.waited += monotonic() - begun

    def head(self, limit: int, silence: float, seconds: float) -> bytes | None:
        """The bytes up to the next empty line, without it; None when the connection ends before the first of them.

        ``silence`` seconds may pass before the first byte, and ``seconds`` from then on.
        """
        data = self._rest
        until = monotonic() + (seconds if data else silence)
        view = buffer()
        try:
            while True:
                if data:
                    end = data.find(b"\r\n\r\n")
                    if 0 <= end <= limit:
                        self._rest = data[end + 4 :]
                        return data[:end]
                    if len(data) > limit:
                        raise BadRequest(431, "the head is too large")
                    if data.count(b"\n") != data.count(b"\r\n"):  # its end would not be seen, or only by others
                        raise BadRequest(400, "a line of the head does not end with CR LF")
                count = self._receive(view, until)
                if not count:
                    if data:
                        raise Disconnected
                    return None
                if not data:
                    until = monotonic() + seconds
                data += view[:count]
        except TimeUp:
            if data:
                raise BadRequest(408, "the head came too slowly") from None
            return None

    def line(self, limit: int, until: float) -> bytes:
        """The bytes up to the next line feed, without CR LF. Raises ``BadRequest`` for what is too long or no line."""
        data = self._rest
        view = memoryview(bytearray(4096))
        while b"\n" not in data:
            if len(data) > limit:
                raise BadRequest(400, "a line of the chunked body is too long")
            self._rest = b""
            count = self.fill(view, until)
            if not count:
                raise Disconnected
            data += view[:count]
        found, _, self._rest = data.partition(b"\n")
        if not found.endswith(b"\r") or found.count(b"\r") > 1 or len(found) > limit + 1:
            raise BadRequest(400, "a line of the chunked body is not of its form")
        return found[:-1]

    def send(self, data: bytes | bytearray | memoryview, *, more: bool = False) -> None:
        """Send all of it; ``more`` says that the rest follows at once."""
        flags = socket.MSG_MORE if more and self._plain else 0
        left: bytes | bytearray | memoryview = data
        while left:
            try:
                count = self.socket.send(left, flags)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait_for_reader(select.POLLOUT)
            except ssl.SSLWantReadError:
                self._wait_for_reader(select.POLLIN)
            except (OSError, ValueError):
                raise Disconnected from None
            else:
                self._sent += count
                if count == len(left):
                    return
                left = memoryview(left)[count:]

    def send_file(self, descriptor: int, count: int) -> int:
        """Send up to so many bytes of a file from where it stands; how many went out, 0 at its end. Plain only."""
        while True:
            try:
                done = os.sendfile(self.socket.fileno(), descriptor, None, min(count, _SENDFILE))
            except BlockingIOError:
                self._wait_for_reader(select.POLLOUT)
            except OSError:
                raise Disconnected from None
            else:
                self._sent += done
                return done

    @property
    def is_plain(self) -> bool:
        """Whether what is sent leaves as it is."""
        return self._plain

    def end(self) -> None:
        """Send no more, and say so; the other end may still be heard."""
        if isinstance(self.socket, ssl.SSLSocket):
            return  # OpenSSL would read no data any more; ``close`` says it
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close in order, without waiting: the answer leaves first, and TLS says that it was all."""
        connection = self.socket
        if isinstance(connection, ssl.SSLSocket):
            with contextlib.suppress(OSError, ValueError):
                connection.unwrap()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_WR)
        with contextlib.suppress(OSError):
            connection.close()

    def _receive(self, view: memoryview, until: float) -> int:
        event = select.POLLIN if self._dry and self._plain else 0
        while True:
            if event:
                self._wait(event, until)
            try:
                count = self.socket.recv_into(view)
            except (BlockingIOError, ssl.SSLWantReadError):
                event = select.POLLIN
            except ssl.SSLWantWriteError:
                event = select.POLLOUT
            except (OSError, ValueError):
                raise Disconnected from None
            else:
                if monotonic() > until:
                    raise TimeUp
                self._dry = count < len(view)
                return count

    def _wait(self, event: int, until: float) -> None:
        """Until the event or the deadline, which counts also where there is something each time."""
        left = until - monotonic()
        if event != self._waits_for:
            self._wait_for(event)
        if left <= 0 or not self._poll.poll(left * 1000):
            raise TimeUp

    def _wait_for(self, event: int) -> None:
        self._poll.modify(self.socket.fileno(), event)
        self._waits_for = event

    def _wait_for_reader(self, event: int) -> None:
        """Until some more can be sent. Who takes less than the pace is left; what counts is what has left this host."""
        self._wait_for(event)
        while True:
            begun = monotonic()
            ready = self._poll.poll(_LOOK * 1000)
            self._held_up += monotonic() - begun
            if self._held_up >= self._pace.seconds:
                taken = self._sent - self._waiting_to_leave()
                if taken - self._mark < self._pace.rate * self._pace.seconds:
                    raise TimeUp
                self._held_up, self._mark = 0.0, taken
            if ready:
                return

    def _waiting_to_leave(self) -> int:
        count = array.array("i", [0])
        with contextlib.suppress(OSError):
            fcntl.ioctl(self.socket.fileno(), termios.TIOCOUTQ, count)
        return count[0]
