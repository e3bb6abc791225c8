"""One connection from its first request to its last."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from strongroom.gateway.http import answer as answers
from strongroom.gateway.http.body import TICK, Body, Disconnected, Pace, Wire
from strongroom.gateway.http.request import MAX_HEAD, BadRequest, Heads, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.gateway.http.answer import Answer

DRAIN_BYTES = 4 << 20
DRAIN_SECONDS = 2.0
"""After an early refusal so much of the body is still read, so that clients see the answer rather than a reset."""
SMALL = 64 * 1024
"""So little left of a body is read before the answer, and the connection lives on."""
SEND_SECONDS = 30.0
"""A reader that takes nothing for so long is left."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits on time, in seconds, and on slowness in bytes a second."""

    head: float = 10.0
    """From a request's first byte to the end of its head."""
    idle: float = 120.0
    """Between requests, and without a byte in either direction."""
    slow_rate: int = 8000
    slow_span: float = 30.0


class Handler(Protocol):
    """What answers requests. It is called from many threads."""

    def handle(self, request: Request, body: Body) -> Answer:
        """The answer to a request; never raises but for ``Disconnected`` and ``BadRequest``."""
        ...

    def done(self, request: Request | None, answer: Answer, seconds: float, peer: str) -> None:
        """Called after each answer, for the access log and metrics."""
        ...


def serve(
    plain: socket.socket,
    peer: str,
    tls: ssl.SSLContext | None,
    handler: Handler,
    timing: Timing,
    ending: Callable[[], bool],
) -> None:
    """Serve a connection to its end, and close it. ``ending`` says whether the process wants to stop."""
    connection = plain
    try:
        _set_timeouts(plain)
        if plain.family != socket.AF_UNIX:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            connection = tls.wrap_socket(plain, server_side=True)
        wire, heads = Wire(connection), Heads()
        while _one(connection, wire, heads, peer, tls is not None, handler, timing, ending):
            pass
    except (Disconnected, OSError, ssl.SSLError, ValueError):
        pass
    finally:
        _close(connection)


def _one(
    connection: socket.socket,
    wire: Wire,
    heads: Heads,
    peer: str,
    secure: bool,
    handler: Handler,
    timing: Timing,
    ending: Callable[[], bool],
) -> bool:
    request: Request | None = None
    body: Body | None = None
    begun = time.monotonic()
    try:
        head = wire.head(MAX_HEAD, timing.idle, timing.head, ending)
        if head is None:
            return False
        begun = time.monotonic()
        request = heads.parse(head)
        request.peer, request.secure = peer, secure
        body = Body(wire, request.length, Pace(timing.slow_rate, timing.slow_span))
        if not body.ended and request.headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        answer = handler.handle(request, body)
        if not body.ended and not _finish(body):
            answer.close = True
    except BadRequest as error:
        answer = answers.text(error.status, error.reason)
        answer.close = True
    keep_alive = request is not None and request.keep_alive and not ending()
    try:
        keep = answers.send(
            connection,
            answer,
            head_only=request is not None and request.method == "HEAD",
            keep_alive=keep_alive,
            old=request is not None and request.old,
        )
    finally:
        if answer.reader is not None:
            answer.reader.close()
        handler.done(request, answer, time.monotonic() - begun, peer)
    if not keep and body is not None and not body.ended:
        _linger(connection, body)
    return keep


def _finish(body: Body) -> bool:
    """Read what little is left of a body, so that the connection lives on; whether that was all."""
    return body.left is not None and body.left <= SMALL and body.drain(SMALL, DRAIN_SECONDS)


def _linger(connection: socket.socket, body: Body) -> None:
    """After an early refusal: the sender reads the answer while what it still sends is thrown away."""
    if not isinstance(connection, ssl.SSLSocket):
        connection.shutdown(socket.SHUT_WR)
    body.drain(DRAIN_BYTES, DRAIN_SECONDS)


def _set_timeouts(connection: socket.socket) -> None:
    """Timeouts that the kernel keeps: the socket stays blocking, which spares a poll before each read and write."""
    connection.setblocking(True)
    for option, seconds in ((socket.SO_RCVTIMEO, TICK), (socket.SO_SNDTIMEO, SEND_SECONDS)):
        connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(seconds), int(seconds % 1 * 1e6)))


def _close(connection: socket.socket) -> None:
    """Close in order: the answer leaves first, and what still comes in is not met with a reset."""
    with contextlib.suppress(OSError, ssl.SSLError, ValueError):
        connection.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        connection.close()
