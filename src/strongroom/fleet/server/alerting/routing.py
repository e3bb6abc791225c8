"""Which notices a channel carries, when, and as how many messages: pure functions.

A channel carries what its least severity, its kinds, its pattern of hosts and its tags let through. In quiet hours a
warning waits for their end, and goes out with the others as one digest. Above ten messages in ten minutes the rest is
one summary. A channel may carry only what nobody acknowledged for four hours. Once a week the numbers go out, on Monday
morning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from strongroom.base.errors import ConfigurationError
from strongroom.fleet.server.alerting.machine import GROUPED, OUTAGE, Said
from strongroom.fleet.server.alerting.tagging import checked_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_MESSAGES, WINDOW = 10, 600
WEEKLY_HOUR = 8
KINDS = (
    *("late", "failed", "incomplete", "unscheduled", "unended", "unwatched", "outage", "pending", "quota", "sealed"),
    *("cloned", "gap", "token-twice", "longer", "many", "foreign", "unseen", "unlogged", "two-machines", "replacing"),
    *("incident", "breaker", "custodian", "round", "drill", "log", "clock", "card", "certificate", "expiry", "channel"),
    "unreadable",
)
"""Kinds of alerts that a channel may ask for by name."""
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])\Z")


@dataclass(frozen=True, slots=True)
class ChannelTerms:
    """What a channel carries. ``quiet``: minutes of the day at which quiet hours begin and end."""

    critical_only: bool = False
    hosts: str = "*"
    quiet: tuple[int, int] | None = None
    zone: str = "UTC"
    unacknowledged: bool = False
    """Whether it carries only what nobody acknowledged on others."""
    kinds: tuple[str, ...] = ()
    """Of which kinds an alert must be; any, where none is named."""
    tags: frozenset[str] = frozenset()
    """Of which a host must have one; any, where none is named."""


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
    kinds = tuple(one for one in settings.get("kinds", "").split(",") if one)
    for kind in kinds:
        if kind not in KINDS:  # else a word that is mistyped would be silence
            hint = f"There are: {', '.join(KINDS)}."
            raise ConfigurationError("there is no such kind of alert", subject=kind, hint=hint)
    if GROUPED.intersection(kinds):  # an outage speaks for those of many hosts
        kinds = (*kinds, OUTAGE)
    tags = frozenset(checked_tags(settings.get("tags", "").split(",")))
    waits, critical = settings.get("when") == "unacknowledged", settings.get("least") == "critical"
    return ChannelTerms(critical, settings.get("hosts", "*"), quiet, zone, waits, kinds, tags)


def carries(
    terms: ChannelTerms,
    critical: bool,
    host: str,
    said: Said,
    escalated: bool,
    kind: str = "",
    tags: frozenset[str] = frozenset(),
) -> bool:
    """Whether a notice is for this channel; ``tags``: those of its host. What concerns no single host is for all.

    ``escalated``: nobody acknowledged its alert in time. Who waits for that is told of it then, and of all that becomes
    of it; the others know it already.
    """
    is_its = escalated if terms.unacknowledged else said is not Said.ESCALATED
    is_its = is_its and (not terms.kinds or kind in terms.kinds)
    is_hosts = not host or (fnmatchcase(host, terms.hosts) and (not terms.tags or not terms.tags.isdisjoint(tags)))
    return is_its and (critical or not terms.critical_only) and is_hosts


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


def weekly_after(moment: int, zone: str) -> int:
    """The next Monday morning, eight o'clock in a time zone, after a moment; both in seconds since 1970."""
    here = datetime.fromtimestamp(moment, ZoneInfo(zone))
    monday = here.replace(hour=WEEKLY_HOUR, minute=0, second=0, microsecond=0) - timedelta(days=here.weekday())
    return int((monday if monday > here else monday + timedelta(days=7)).timestamp())


def messages_of(waiting: int, sent_lately: int) -> tuple[int, bool]:
    """Of so many that are due, how many go out one by one now, and whether the rest goes as a summary.

    ``sent_lately``: messages in the last ten minutes. While there is no room for a summary, the rest waits.
    """
    room = max(0, MOST_MESSAGES - sent_lately)
    if waiting <= room:
        return waiting, False
    return max(0, room - 1), room > 0
