"""The server's one web application: what hosts and the custodian send. A console mounts beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
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
from strongroom.fleet.protocol.enrolment import GATEWAY_REFUSED
from strongroom.fleet.protocol.fields import visible
from strongroom.fleet.protocol.signed import MOST_BODY, Forged, SignedMessage
from strongroom.fleet.server.api.endpoints import FleetApi, NoToken
from strongroom.fleet.server.attempts import WrongProofs, network_of
from strongroom.fleet.server.door.bodies import MOST_BEGIN, Bodies, address_of
from strongroom.fleet.server.door.keys import HostKeys
from strongroom.fleet.server.door.limits import TooMuch
from strongroom.fleet.server.door.reports import ReportDoor
from strongroom.fleet.server.following.openings import opening_of, take_opened, take_question
from strongroom.fleet.server.following.statements import take_statement
from strongroom.fleet.server.gateways import GatewayRefusal
from strongroom.fleet.server.intake import ReportIntake
from strongroom.fleet.server.joining import (
    STOLEN,
    STOLEN_WORDS,
    TokenShownTwice,
    begin,
    done,
    note_suspicion,
    settle,
)
from strongroom.fleet.server.ownership import FOREIGN, AnothersRepository

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from strongroom.fleet.server.evaluating import Evaluator
    from strongroom.fleet.server.gateways import EnrollingGateway
    from strongroom.fleet.server.state import FleetState

_STATUS: tuple[tuple[type[StrongroomError], int], ...] = (
    (NoToken, 401),
    (Forged, 403),
    (GatewayRefusal, GATEWAY_REFUSED),
    (Refused, 403),
    (Missing, 404),
    (Exists, 409),
    (LimitExceeded, 413),
    (Damaged, 400),
    (Unavailable, 503),
)
STALE_SECONDS = 120
"""So long after its last turn an evaluator counts as stuck."""


class TooManyAttempts(TooMuch):
    """An address has shown too many wrong proofs."""

    retry_after = 600


def problem(error: StrongroomError) -> Response:
    """An error as RFC 9457 has it; its words are for whoever enrols a host."""
    if isinstance(error, TooMuch):
        status = 429
    else:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    body = {"status": status, "title": error.what, "detail": error.subject, "hint": error.hint}
    headers = {"Connection": "close"}  # the rest of a body that was not read must not keep the connection
    if isinstance(error, TooMuch) or status == 503:
        headers["Retry-After"] = str(getattr(error, "retry_after", 30))
    return Response(json.dumps(body) + "\n", status, headers, media_type="application/problem+json")


async def _not_here(_request: Request, error: Exception) -> Response:
    """What there is no route for, or no such method."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    title = {404: "there is no such page", 405: "this page has no such method"}.get(status, "this cannot be done")
    body = {"status": status, "title": title, "detail": "", "hint": ""}
    return Response(
        json.dumps(body) + "\n",
        status,
        {"Connection": "close", **(headers or {})},
        media_type="application/problem+json",
    )


class FleetApp:
    """The application and what it works with. ``starlette`` is what a server runs."""

    def __init__(
        self, state: FleetState, gateways: Sequence[EnrollingGateway] = (), evaluator: Evaluator | None = None
    ) -> None:
        self._state = state
        self._gateways = tuple(gateways)
        self._evaluator = evaluator
        self._attempts = WrongProofs()
        self._bodies, self._keys = Bodies(), HostKeys(state)
        self.intake = ReportIntake(state)
        self.api = FleetApi(state, evaluator, problem)
        self._reports = ReportDoor(state, self.intake, self._bodies, self._keys)
        self.starlette = Starlette(
            routes=[
                Route("/fleet/v1/enrol/begin", self._signed(self._begin), methods=["POST"]),
                Route("/fleet/v1/enrol/done", self._signed(self._done, self._keys.find), methods=["POST"]),
                Route(
                    "/fleet/v1/enrol/opened", self._signed(self._opened, self._keys.check_custodian), methods=["POST"]
                ),
                Route("/fleet/v1/reports", self._report, methods=["POST"]),
                Route(
                    "/custodian/v1/statements",
                    self._signed(self._statement, self._keys.check_custodian),
                    methods=["POST"],
                ),
                Route(
                    "/custodian/v1/decisions",
                    self._signed(self._decisions, self._keys.check_custodian),
                    methods=["POST"],
                ),
                Route("/health", self._health, methods=["GET"]),
                *self.api.routes,
            ],
            exception_handlers={HTTPException: _not_here},
        )

    def close(self) -> None:
        """Take in what waits."""
        self.intake.close()

    def _signed(
        self, handle: Callable[[SignedMessage, str], Response], known: Callable[[str], object] | None = None
    ) -> Callable[[Request], object]:
        """An endpoint for a signed message, which ``handle`` takes in a thread, with the address that it came from.
        ``known`` raises for a signer of whom no more than the first line is read; without it anybody may send a little.
        """

        async def admit(signer: str) -> None:
            if known is not None:
                await run_in_threadpool(known, signer)

        async def endpoint(request: Request) -> Response:
            address, most = address_of(request), MOST_BODY if known is not None else MOST_BEGIN
            try:
                if self._attempts.must_wait(address, self._state.now()):
                    raise TooManyAttempts("too many wrong proofs from this address", hint="Wait ten minutes.")
                return await run_in_threadpool(handle, await self._bodies.signed(request, admit, most), address)
            except StrongroomError as error:
                if isinstance(error, Forged | Missing):
                    self._attempts.failed(address, self._state.now())
                if not isinstance(error, TooMuch):  # which would be a line for each of a stranger's requests
                    LOG.warning(f"{request.url.path} from {address}: {visible(error.what)}")
                return problem(error)

        return endpoint

    def _begin(self, message: SignedMessage, address: str) -> Response:
        try:
            answer = begin(self._state, message, self._gateways, network_of(address))
        except TokenShownTwice as error:
            note_suspicion(self._state, error.owner, STOLEN, STOLEN_WORDS)
            raise
        return Response(answer, media_type="application/json")

    def _done(self, message: SignedMessage, _address: str) -> Response:
        try:
            host = done(self._state, message).host
            settle(self._state, host, self._gateways)
            return JSONResponse({"host": host, "opening": opening_of(self._state, host)})
        except AnothersRepository as error:
            note_suspicion(self._state, message.signer, FOREIGN, error.words)
            raise

    def _opened(self, message: SignedMessage, _address: str) -> Response:
        return JSONResponse({"host": take_opened(self._state, message)})

    def _decisions(self, message: SignedMessage, _address: str) -> Response:
        return Response(take_question(self._state, message), media_type="application/json")

    def _statement(self, message: SignedMessage, _address: str) -> Response:
        return Response(take_statement(self._state, message).to_bytes(), media_type="application/json")

    async def _report(self, request: Request) -> Response:
        try:
            answer = await self._reports.take(request)
        except StrongroomError as error:
            return problem(error)
        return Response(answer.to_bytes(), media_type="application/json")

    async def _health(self, _request: Request) -> Response:
        """200 while reports are taken in and judged, else 503; without authentication, so it says little."""
        turned = self._evaluator.turned if self._evaluator is not None else None
        judging = turned is not None and self._state.now() - turned < STALE_SECONDS
        return JSONResponse({"ok": judging, "judging": judging}, 200 if judging else 503)
