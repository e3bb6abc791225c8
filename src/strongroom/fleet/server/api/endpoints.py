"""The API's endpoints: a token, a rate, a page, an ETag; errors as problem+json."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

from strongroom.base.errors import Damaged, Refused, StrongroomError
from strongroom.fleet.server.api import reading
from strongroom.fleet.server.api.care import CareApi
from strongroom.fleet.server.api.description import ApiRoute, describe
from strongroom.fleet.server.api.metrics import CONTENT_TYPE, metrics
from strongroom.fleet.server.api.pages import (
    AlertPage,
    ChannelPage,
    HostPage,
    ReportPage,
    RunPage,
    SnapshotPage,
    WatchPage,
)
from strongroom.fleet.server.api.timeline import reports, snapshots
from strongroom.fleet.server.api.tokens import TokenBook
from strongroom.fleet.server.door.limits import Allowance, TooMuch

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from strongroom.fleet.server.api.tokens import ApiToken
    from strongroom.fleet.server.evaluating import Evaluator
    from strongroom.fleet.server.state import FleetState

API_VERSION = "1.0"
REQUESTS, REQUESTS_HOURLY = 600, 7200
"""Of one token: at once, and an hour."""


class NoToken(Refused):
    """A request without a token that counts."""


class FleetApi:
    """What programs read. ``routes`` is for the application; ``problem`` makes an answer of an error."""

    def __init__(
        self, state: FleetState, evaluator: Evaluator | None, problem: Callable[[StrongroomError], Response]
    ) -> None:
        self._state, self._evaluator, self._problem = state, evaluator, problem
        self._tokens = TokenBook(state)
        self._standing = reading.SharedStanding(state)
        self._care = CareApi(state, self._standing)
        self._allowances: dict[str, Allowance] = {}
        pages = ("cursor", "limit")
        self.table = (
            ApiRoute(
                "/api/v1/watches", "listWatches", "Watches, worst first", WatchPage, self._watches, (*pages, "state")
            ),
            ApiRoute("/api/v1/hosts", "listHosts", "Hosts by name", HostPage, self._hosts, pages),
            ApiRoute(
                "/api/v1/hosts/{name}/runs", "listRuns", "Runs, newest first", RunPage, self._runs, ("name", *pages)
            ),
            ApiRoute(
                "/api/v1/hosts/{name}/snapshots",
                "listSnapshots",
                "Snapshots that a log or the custodian has, newest first",
                SnapshotPage,
                self._snapshots,
                ("name", *pages),
            ),
            ApiRoute(
                "/api/v1/hosts/{name}/reports",
                "listReports",
                "Reports as their host signed them, newest first",
                ReportPage,
                self._reports,
                ("name", *pages),
            ),
            *self._care.routes,
            ApiRoute("/api/v1/alerts", "listAlerts", "Open alerts by subject", AlertPage, self._alerts, pages),
            ApiRoute("/api/v1/channels", "listChannels", "Channels by name", ChannelPage, self._channels, pages),
        )
        self.description = describe(self.table, API_VERSION)
        described = msgspec.json.encode(self.description)

        async def openapi(request: Request) -> Response:
            return _tagged(request, described)

        self.routes = [Route(one.path, self._endpoint(one), methods=["GET"]) for one in self.table]
        self.routes += [
            Route("/api/v1/openapi.json", openapi, methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]

    def _endpoint(self, route: ApiRoute) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                token = await self._token(request)
                for name in request.query_params:
                    if name not in route.parameters:
                        raise Damaged("there is no such parameter here", subject=name[:50])
                given = dict(request.query_params) | request.path_params
                limit = _limit(given.get("limit", str(reading.LIMIT)))
                page = await run_in_threadpool(route.read, token, given, given.get("cursor", ""), limit)
                return _tagged(request, await run_in_threadpool(msgspec.json.encode, page))
            except StrongroomError as error:
                return self._refused(error)

        return endpoint

    async def _token(self, request: Request) -> ApiToken:
        """Whose request this is. Raises ``NoToken`` or ``TooMuch``. Nobody guesses 256 bits: none is counted."""
        now = self._state.now()
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if not text or scheme.lower() != "bearer":
            raise NoToken("no token", hint="Authorization: Bearer sra1_…; `strongroom fleet tokens add` makes one.")
        found = await run_in_threadpool(self._tokens.find, text.strip())
        if found is None:
            raise NoToken("this token does not count", hint="`strongroom fleet tokens list` has those that do.")
        allowance = self._allowances.setdefault(found.id, Allowance(REQUESTS, REQUESTS_HOURLY, REQUESTS, now))
        if not allowance.take(1, now):
            raise TooMuch("too many requests by this token", subject=found.name)
        return found

    def _refused(self, error: StrongroomError) -> Response:
        answer = self._problem(error)
        if isinstance(error, NoToken):
            answer.headers["WWW-Authenticate"] = 'Bearer realm="fleet"'
        return answer

    def _watches(self, token: ApiToken, given: dict[str, str], cursor: str, limit: int) -> WatchPage:
        found = reading.watches(self._standing.get(), token, given.get("state", ""))
        items, following = reading.page_of(found, reading.watch_key, cursor, limit)
        now = self._state.now()
        return WatchPage([reading.watch_document(one, now) for one in items], following)

    def _hosts(self, token: ApiToken, _given: dict[str, str], cursor: str, limit: int) -> HostPage:
        return HostPage(*reading.page_of(reading.hosts(self._state, token), lambda one: [one.name], cursor, limit))

    def _runs(self, token: ApiToken, given: dict[str, str], cursor: str, limit: int) -> RunPage:
        return RunPage(*reading.runs(self._state, token, given["name"], cursor, limit))

    def _snapshots(self, token: ApiToken, given: dict[str, str], cursor: str, limit: int) -> SnapshotPage:
        return SnapshotPage(*snapshots(self._state, token, given["name"], cursor, limit))

    def _reports(self, token: ApiToken, given: dict[str, str], cursor: str, limit: int) -> ReportPage:
        return ReportPage(*reports(self._state, token, given["name"], cursor, limit))

    def _alerts(self, token: ApiToken, _given: dict[str, str], cursor: str, limit: int) -> AlertPage:
        found = reading.alerts(self._state, token)
        return AlertPage(*reading.page_of(found, lambda one: [one.subject, one.kind], cursor, limit))

    def _channels(self, token: ApiToken, _given: dict[str, str], cursor: str, limit: int) -> ChannelPage:
        found = reading.channels(self._state, token)
        return ChannelPage(*reading.page_of(found, lambda one: [one.name], cursor, limit))

    async def _metrics(self, request: Request) -> Response:
        try:
            token = await self._token(request)
            return Response(await run_in_threadpool(self._measured, token), media_type=CONTENT_TYPE)
        except StrongroomError as error:
            return self._refused(error)

    def _measured(self, token: ApiToken) -> str:
        watches = reading.watches(self._standing.get(), token, "")
        turned = self._evaluator.turned if self._evaluator is not None else None
        return metrics(self._state, watches, reading.alerts(self._state, token), turned, token)


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= reading.MOST_LIMIT:
        raise Damaged(f"a page has between 1 and {reading.MOST_LIMIT} items", subject=text[:20])
    return int(text)


def _tagged(request: Request, body: bytes) -> Response:
    """The body, or nothing where the client has it already (RFC 9110, If-None-Match)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
