"""A report's way in: by its first line whose it is, its signature, how much its host sends, and what it says.

Nothing is written of what was not verified, and no transaction is begun for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from strongroom.base.errors import Refused
from strongroom.fleet.protocol.report import REPORT, parse_report
from strongroom.fleet.server.door.limits import HostLimits
from strongroom.fleet.server.judging.deadlines import longest_silence
from strongroom.fleet.server.watches import calendar_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from strongroom.fleet.protocol.report import HostReport, ReportAnswer
    from strongroom.fleet.protocol.schedule_terms import ScheduleTerms
    from strongroom.fleet.protocol.signed import SignedMessage
    from strongroom.fleet.server.door.bodies import Bodies
    from strongroom.fleet.server.door.keys import HostKeys
    from strongroom.fleet.server.intake import ReportIntake
    from strongroom.fleet.server.state import FleetState

_LARGE = 16 * 1024
"""Bytes beyond which a report is parsed beside the loop that serves all others."""
_CALENDARS = 4096
"""Calendars that were reckoned with, at most; then all are forgotten."""

_Calendar = tuple[str, str, str]


class ReportDoor:
    """Takes reports in for one server. Used from one event loop."""

    def __init__(self, state: FleetState, intake: ReportIntake, bodies: Bodies, keys: HostKeys) -> None:
        self._state, self._intake, self._bodies, self._keys = state, intake, bodies, keys
        self._limits = HostLimits()
        self._calendars: set[_Calendar] = set()

    async def take(self, request: Request) -> ReportAnswer:
        """The answer to a report, once it is durable. Raises a ``StrongroomError`` for one that is not taken."""
        message = await self._bodies.signed(request, self._admit)
        now = self._state.now()
        message.verify(REPORT, self._keys.known(message.signer) or b"")
        self._limits.take_report(message.signer, len(message.body), now)
        if len(message.body) > _LARGE:
            report = await run_in_threadpool(parse_report, message)
        else:
            report = parse_report(message)
        await self._reckon(message.signer, report.schedules, now)
        return await self._written(message, report, now)

    async def _written(self, message: SignedMessage, report: HostReport, now: int) -> ReportAnswer:
        try:
            return await asyncio.wrap_future(self._intake.submit(message, report))
        except Refused:  # revoked: a transaction for each of its reports is too much
            self._limits.block(message.signer, now)
            raise

    async def _admit(self, signer: str) -> None:
        self._limits.check(signer, self._state.now())
        if self._keys.known(signer) is None:
            await run_in_threadpool(self._keys.find, signer)

    async def _reckon(self, host: str, schedules: tuple[ScheduleTerms, ...], now: int) -> None:
        """Look at calendars that are new, beside the loop and before anybody waits for a transaction."""
        new = {(one.grammar, one.calendar, one.zone) for one in schedules} - self._calendars
        if not new:
            return
        self._limits.take_calendars(host, len(new), now)
        await run_in_threadpool(_look_at, new, now)
        if len(self._calendars) > _CALENDARS:
            self._calendars.clear()
        self._calendars |= new


def _look_at(calendars: set[_Calendar], now: int) -> None:
    for grammar, words, zone in calendars:
        found = calendar_of({"grammar": grammar, "calendar": words, "zone": zone})
        if found is not None:
            longest_silence(found, now)
