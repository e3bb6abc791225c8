"""The server's one web application: what hosts and the custodian send. A console mounts beside it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from strongroom.base.errors import (
    Damaged,
    Exists,
    LimitExceeded,
    Missing,
    Refused,
    StrongroomError,
    Unavailable,
)
from strongroom.base.server_log import LOG
from strongroom.fleet.protocol.fields import visible
from strongroom.fleet.protocol.signed import MOST_BODY, Forged, SignedMessage, parse_signed
from strongroom.fleet.server.attempts import WrongProofs
from strongroom.fleet.server.following.statements import take_statement
from strongroom.fleet.server.intake import ReportIntake
from strongroom.fleet.server.joining import TokenShownTwice, begin, done, note_stolen, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from strongroom.fleet.server.evaluating import Evaluator
    from strongroom.fleet.server.gateways import EnrollingGateway
    from strongroom.fleet.server.state import FleetState

_BODY_SECONDS = 30.0
_STATUS: tuple[tuple[type[StrongroomError], int], ...] = (
    (Forged, 403),
    (Refused, 403),
    (Missing, 404),
    (Exists, 409),
    (LimitExceeded, 413),
    (Damaged, 400),
    (Unavailable, 503),
)
STALE_SECONDS = 120
"""So long after its last turn an evaluator counts as stuck."""


class TooManyAttempts(Refused):
    """An address has shown too many wrong proofs."""


def problem(error: StrongroomError) -> Response:
    """An error as RFC 9457 has it; its words are for whoever enrols a host."""
    if isinstance(error, TooManyAttempts):
        status = 429
    else:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    body = {"status": status, "title": error.what, "detail": error.subject, "hint": error.hint}
    headers = {"Connection": "close"}  # the rest of a body that was not read must not keep the connection
    headers |= {"Retry-After": "600"} if status == 429 else {"Retry-After": "30"} if status == 503 else {}
    return Response(json.dumps(body) + "\n", status, headers, media_type="application/problem+json")


class FleetApp:
    """The application and what it works with. ``starlette`` is what a server runs."""

    def __init__(
        self, state: FleetState, gateways: Sequence[EnrollingGateway] = (), evaluator: Evaluator | None = None
    ) -> None:
        self._state = state
        self._gateways = tuple(gateways)
        self._evaluator = evaluator
        self._attempts = WrongProofs()
        self.intake = ReportIntake(state)
        self.starlette = Starlette(
            routes=[
                Route("/fleet/v1/enrol/begin", self._signed(self._begin), methods=["POST"]),
                Route("/fleet/v1/enrol/done", self._signed(self._done), methods=["POST"]),
                Route("/fleet/v1/enrol/opened", self._signed(self._opened), methods=["POST"]),
                Route("/fleet/v1/reports", self._reports, methods=["POST"]),
                Route("/custodian/v1/statements", self._signed(self._statement), methods=["POST"]),
                Route("/health", self._health, methods=["GET"]),
            ]
        )

    def close(self) -> None:
        """Take in what waits."""
        self.intake.close()

    def _signed(self, handle: Callable[[SignedMessage], Response]) -> Callable[[Request], object]:
        """An endpoint for a signed message, which ``handle`` takes in a thread."""

        async def endpoint(request: Request) -> Response:
            address = request.client.host if request.client else ""
            try:
                if self._attempts.must_wait(address, self._state.now()):
                    raise TooManyAttempts("too many wrong proofs from this address", hint="Wait ten minutes.")
                return await run_in_threadpool(handle, parse_signed(await _body(request)))
            except StrongroomError as error:
                if isinstance(error, Forged):
                    self._attempts.failed(address, self._state.now())
                LOG.warning(f"{request.url.path} from {address}: {visible(error.what)}")
                return problem(error)

        return endpoint

    def _begin(self, message: SignedMessage) -> Response:
        try:
            answer = begin(self._state, message, lambda name: tuple(one.admit(name) for one in self._gateways))
        except TokenShownTwice as error:
            note_stolen(self._state, error.owner)
            raise
        return Response(answer, media_type="application/json")

    def _done(self, message: SignedMessage) -> Response:
        return JSONResponse({"host": done(self._state, message).host})

    def _opened(self, message: SignedMessage) -> Response:
        return JSONResponse({"host": opened(self._state, message)})

    def _statement(self, message: SignedMessage) -> Response:
        return Response(take_statement(self._state, message).to_bytes(), media_type="application/json")

    async def _reports(self, request: Request) -> Response:
        try:
            message = parse_signed(await _body(request))
            answer = await asyncio.wrap_future(self.intake.submit(message))
        except StrongroomError as error:
            return problem(error)
        return Response(answer.to_bytes(), media_type="application/json")

    async def _health(self, _request: Request) -> Response:
        """200 while reports are taken in and judged, else 503; without authentication, so it says little."""
        turned = self._evaluator.turned if self._evaluator is not None else None
        judging = turned is not None and self._state.now() - turned < STALE_SECONDS
        return JSONResponse({"ok": judging, "judging": judging}, 200 if judging else 503)


async def _body(request: Request) -> bytes:
    """The request's body within its budget of bytes and time. Raises ``LimitExceeded`` or ``Unavailable``."""
    data = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                data += piece
                if len(data) > MOST_BODY + 1024:
                    raise LimitExceeded(f"more than {MOST_BODY} bytes")
    except ClientDisconnect:
        raise Unavailable("the request broke off") from None
    except TimeoutError:
        raise Unavailable(f"the request did not arrive within {_BODY_SECONDS:.0f} seconds") from None
    return bytes(data)
