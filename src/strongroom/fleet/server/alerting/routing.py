"""Which notices a channel carries, when, and as how many messages: pure functions.

A channel carries what its least severity and its pattern of hosts let through. In quiet hours a warning waits for their
end. Above ten messages in ten minutes the rest is one summary.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from strongroom.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_MESSAGES, WINDOW = 10, 600
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])\Z")


@dataclass(frozen=True, slots=True)
class ChannelTerms:
    """What a channel carries. ``quiet``: minutes of the day at which quiet hours begin and end."""

    critical_only: bool = False
    hosts: str = "*"
    quiet: tuple[int, int] | None = None
    zone: str = "UTC"


def terms_of(settings: Mapping[str, str]) -> ChannelTerms:
    """From settings as a user wrote them. Raises ``ConfigurationError``."""
    quiet = None
    if text := settings.get("quiet"):
        match = _HOURS.match(text)
        if match is None:
            raise ConfigurationError("not quiet hours", subject=text, hint="such as quiet=22:00-07:00")
        first, second, third, fourth = map(int, match.groups())
        quiet = first * 60 + second, third * 60 + fourth
    zone = settings.get("zone", "UTC")
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise ConfigurationError("there is no such time zone", subject=zone, hint="such as Europe/Berlin") from None
    return ChannelTerms(settings.get("least") == "critical", settings.get("hosts", "*"), quiet, zone)


def carries(terms: ChannelTerms, critical: bool, host: str) -> bool:
    """Whether a notice is for this channel. What concerns no single host is for all."""
    return (critical or not terms.critical_only) and (not host or fnmatchcase(host, terms.hosts))


def due_at(terms: ChannelTerms, critical: bool, now: int) -> int:
    """When it may be said, in seconds since 1970: now, or at the end of the quiet hours."""
    if critical or terms.quiet is None:
        return now
    begins, ends = terms.quiet
    here = datetime.fromtimestamp(now, ZoneInfo(terms.zone))
    minute = here.hour * 60 + here.minute
    is_quiet = begins <= minute < ends if begins <= ends else minute >= begins or minute < ends
    if not is_quiet:
        return now
    day = here if minute < ends else here + timedelta(days=1)
    return int(day.replace(hour=ends // 60, minute=ends % 60, second=0, microsecond=0).timestamp())


def messages_of(waiting: int, sent_lately: int) -> tuple[int, bool]:
    """Of so many that are due, how many go out one by one now, and whether the rest goes as a summary.

    ``sent_lately``: messages in the last ten minutes. While there is no room for a summary, the rest waits.
    """
    room = max(0, MOST_MESSAGES - sent_lately)
    if waiting <= room:
        return waiting, False
    return max(0, room - 1), room > 0
