"""One connection from its first request to its last."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from strongroom.base.clock import monotonic
from strongroom.gateway.http import answer as answers
from strongroom.gateway.http.body import Body
from strongroom.gateway.http.request import MAX_HEAD, BadRequest, Heads, Request
from strongroom.gateway.http.wire import Disconnected, Pace, ServerWire

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from strongroom.gateway.http.answer import Answer
    from strongroom.gateway.http.places import Seat

DRAIN_BYTES = 4 << 20
DRAIN_SECONDS = 2.0
"""After an early refusal so much of the body is still read, so that clients see the answer rather than a reset."""
SMALL = 64 * 1024
"""So little left of a body is read before the answer, and the connection lives on."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Limits on time, in seconds, and on slowness in bytes a second. They hold over TLS as without."""

    handshake: float = 10.0
    """For the whole of it."""
    head: float = 10.0
    """From a request's first byte to the end of its head; for the first one of a connection from its beginning, and
    between requests as long as nobody has shown valid credentials."""
    idle: float = 120.0
    """Between requests."""
    slow_rate: int = 8000
    """For whoever sends a body or takes an answer."""
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
    seat: Seat,
    peer: str,
    tls: ssl.SSLContext | None,
    handler: Handler,
    timing: Timing,
    ending: Callable[[], bool],
) -> None:
    """Serve the connection of a seat to its end, and close it. ``ending`` says whether the process wants to stop."""
    plain = seat.connection
    pace = Pace(timing.slow_rate, timing.slow_span)
    wire = ServerWire(plain, pace)
    try:
        if plain.family != socket.AF_UNIX:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            wire.handshake(tls, timing.handshake, seat)
        heads, nothing = Heads(), Body(wire, 0, pace)
        silence = timing.head
        while _one(wire, heads, nothing, peer, tls is not None, handler, timing, pace, silence, seat, ending):
            silence = timing.head if seat.principal is None else timing.idle
            seat.waits()
    except (Disconnected, OSError):
        pass
    finally:
        seat.leave()
        wire.close()


def _one(
    wire: ServerWire,
    heads: Heads,
    nothing: Body,
    peer: str,
    secure: bool,
    handler: Handler,
    timing: Timing,
    pace: Pace,
    silence: float,
    seat: Seat,
    ending: Callable[[], bool],
) -> bool:
    request: Request | None = None
    body: Body | None = None
    begun = monotonic()
    try:
        head = wire.head(MAX_HEAD, silence, timing.head)
        if head is None:
            return False
        seat.works()
        begun = monotonic()
        request = heads.parse(head)
        request.peer, request.secure, request.admit = peer, secure, seat.admit
        if request.length == 0:
            body = nothing  # most requests are of this kind, and share it
        else:
            expected = request.headers.get("expect")
            awaited = expected is not None and not request.old and expected.lower() == "100-continue"
            body = Body(wire, request.length, pace, awaited=awaited)
        answer = handler.handle(request, body)
        if answer.status == 401:
            seat.revoke()
        if seat.principal is None:
            seat.waits()  # what is left to do is to wait for him, and his place is somebody else's at need
        if not body.ended and not _finish(body):
            answer.close = True
    except BadRequest as error:
        answer = answers.text(error.status, error.reason)
        answer.close = True
    head_only = keep_alive = old = False
    if request is not None:
        head_only, keep_alive, old = request.method == "HEAD", request.keep_alive and not ending(), request.old
    try:
        keep = answers.send(wire, answer, head_only=head_only, keep_alive=keep_alive, old=old)
    finally:
        if answer.reader is not None:
            answer.reader.close()
        handler.done(request, answer, monotonic() - begun, peer)
    if not keep and body is not None and not body.ended and not body.awaited:
        wire.end()  # the sender reads the answer while what it still sends is thrown away
        body.drain(DRAIN_BYTES, DRAIN_SECONDS)
    return keep


def _finish(body: Body) -> bool:
    """Read what little is left of a body, so that the connection lives on; whether that was all."""
    if body.awaited:
        return False  # who was not told to go on does not send it
    return body.left is not None and body.left <= SMALL and body.drain(SMALL, DRAIN_SECONDS)
