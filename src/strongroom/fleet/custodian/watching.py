"""What a custodian that follows says by ways of its own: whoever has taken the fleet's server over silences that alone.

Pure but for the two ways out, which are given: a sign each hour that all is well, and words when something is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError
from strongroom.base.record import record
from strongroom.custody.planned.plans import FROZEN
from strongroom.custody.standing import WELL
from strongroom.fleet.protocol.fields import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from strongroom.custody.standing import Standing
    from strongroom.fleet.custodian.telling import ToldServer

PING_SECONDS = 3600
FRESH, STALE = 900, 2 * 3600
"""A sign that all is well needs a server that took a statement within so many seconds; one that took none for longer
than the second is something that is wrong."""
REMIND_SECONDS = 86400
_MOST_LINES, _MOST_WORDS = 50, 300
_NANO = 1_000_000_000


@record
class OwnWays:
    """The ways out: a sign that all is well, and words. None where there is none."""

    ping: Callable[[], None] | None
    alarm: Callable[[str, str], None] | None
    """Called with a title and lines."""


class OwnWatch:
    """What was said and when; one for the life of a follower, which began at ``since``. Times are in seconds."""

    def __init__(self, ways: OwnWays, since: int) -> None:
        self._ways, self._since = ways, since
        self._pinged: int | None = None
        self._said: dict[str, tuple[int, str]] = {}

    def turn(self, those: Sequence[Standing], server: ToldServer, now: int) -> list[str]:
        """Say what is news; which of the two ways did not work, in words. What did not get out is said next time."""
        taken = self._since if server.taken_ns is None else server.taken_ns // _NANO
        wrong = wrong_with(those)
        if now - taken > STALE:
            why = f": {server.trouble}" if server.trouble else ""
            hours = (now - taken) // 3600
            wrong[f"the fleet's server {server.url}"] = f"has taken no statement for {hours} hours{why}"
        troubles = [self._alarm(wrong, now)]
        if those and not wrong and server.taken_ns is not None and now - server.taken_ns // _NANO <= FRESH:
            troubles.append(self._ping(now))
        return [one for one in troubles if one]

    def _ping(self, now: int) -> str:
        if self._ways.ping is None or (self._pinged is not None and 0 <= now - self._pinged < PING_SECONDS):
            return ""
        try:
            self._ways.ping()
        except StrongroomError as error:
            return f"the sign that all is well was not given: {error}"
        self._pinged = now
        return ""

    def _alarm(self, wrong: Mapping[str, str], now: int) -> str:
        if self._ways.alarm is None:
            return ""
        news = [f"{one}: {words}" for one, words in wrong.items() if self._is_news(one, now)]
        news += [f"no more: {one}: {words}" for one, (_, words) in self._said.items() if one not in wrong]
        if not news:
            return ""
        lines = [visible(one)[:_MOST_WORDS] for one in news[:_MOST_LINES]]
        lines += [f"and {len(news) - _MOST_LINES} more"] if len(news) > _MOST_LINES else []
        title = f"Strongroom's custodian: {len(wrong)} wrong" if wrong else "Strongroom's custodian: all is well again"
        try:
            self._ways.alarm(title, "\n".join(lines) + "\n")
        except StrongroomError as error:
            return f"what is wrong was not said: {error}"
        kept = {one: self._said[one][0] for one in wrong if not self._is_news(one, now)}
        self._said = {one: (kept.get(one, now), words) for one, words in wrong.items()}
        return ""

    def _is_news(self, one: str, now: int) -> bool:
        return one not in self._said or not 0 <= now - self._said[one][0] < REMIND_SECONDS


def wrong_with(those: Sequence[Standing]) -> dict[str, str]:
    """What is wrong with repositories: open incidents, plans that are held back, and what else is not well."""
    found: dict[str, str] = {}
    for one in those:
        for thing in one.incidents:
            found[f"{one.name}/{thing.code.value}/{thing.number}"] = thing.words
        for plan in one.plans:
            if plan.state == FROZEN and not one.incidents:
                found[f"{one.name}/plan/{plan.number}"] = f"is held back: {'; '.join(plan.breakers)}"
        if one.state != WELL and not one.incidents:
            found[one.name] = f"{one.state}: {one.advice}"
    return found
