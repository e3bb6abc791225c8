"""Alerts as a state machine: what was open and what is wrong now give what is open and what must be said.

Pure: the time comes in, messages come out. Rules: one open alert for a subject and kind; said when it opens, becomes
worse, and is resolved; again daily (critical) or weekly until somebody acknowledges it; to others as well after four
hours in which nobody did; many hosts at once are one alert; what opens for the third time in a day stays open until it
was quiet for a day.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR, DAY = 3600, 86400
REMIND_CRITICAL, REMIND_WARNING = DAY, 7 * DAY
ESCALATE = 4 * HOUR
"""So long after it was said an alert that nobody acknowledged goes to the channels that wait for such, in seconds."""
OUTAGE = "outage"
"""The kind of the one alert that stands for those of many hosts."""
GROUPED = frozenset(("late", "failed", "incomplete"))
"""What an outage may speak for. A suspicion is always said for itself: nobody hides one behind an outage (M-5)."""
OUTAGE_SHARE, OUTAGE_LEAST = 5, 5
"""A fifth of the hosts, five at least, whose alerts opened within an hour."""
FLAPS = 3


class Said(enum.Enum):
    """What a message is about."""

    OPENED = "opened"
    WORSE = "worse"
    RESOLVED = "resolved"
    REMINDER = "reminder"
    ESCALATED = "unacknowledged"


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is wrong now: the watch or other thing, the kind, the host it concerns, and how bad it is."""

    subject: str
    kind: str
    host: str
    critical: bool
    words: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An open alert. Times are seconds since 1970."""

    subject: str
    kind: str
    host: str
    critical: bool
    words: str
    opened: int
    said: int
    """When somebody was last told."""
    acknowledged: bool = False
    grouped: bool = False
    """Whether the outage's alert speaks for it."""
    absent_since: int | None = None
    """Of one that flaps: since when nothing is wrong. Of an outage: since when few are left of it."""
    flapping: bool = False
    escalated: bool = False
    """Whether the channels know of it that wait for what nobody acknowledges."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that must go out."""

    said: Said
    alert: Alert


@dataclass(frozen=True, slots=True)
class Alerts:
    """All that is remembered. ``openings``: when each subject and kind opened within the last day."""

    open: Mapping[tuple[str, str], Alert] = field(default_factory=dict)
    openings: Mapping[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)


def step(alerts: Alerts, wrong: list[Wrong], hosts: int, now: int, *, ends: bool = True) -> tuple[Alerts, list[Notice]]:
    """What is open now, and what must be said. ``wrong``: all that is wrong at ``now``; ``hosts``: how many there are.
    Without ``ends`` what is wrong no more stays open as it is.

    The same input again changes nothing and says nothing.
    """
    present = {(one.subject, one.kind): one for one in wrong}
    before = dict(alerts.open)
    outage = before.pop((OUTAGE, OUTAGE), None)
    openings = {
        key: recent for key, times in alerts.openings.items() if (recent := tuple(at for at in times if at > now - DAY))
    }
    after: dict[tuple[str, str], Alert] = {}
    notices: list[Notice] = []
    for key, alert in before.items():
        one = present.get(key)
        kept = _gone(alert, now, notices, ends=ends) if one is None else _still(alert, one, now, notices)
        if kept is not None:
            after[key] = kept
    opened = []
    for key, one in present.items():
        if key in after:
            continue
        times = (*openings.get(key, ()), now)
        openings[key] = times
        alert = Alert(one.subject, one.kind, one.host, one.critical, one.words, now, now, flapping=len(times) >= FLAPS)
        after[key] = alert
        opened.append(key)
    outage = _outage(outage, after, opened, hosts, now, notices)
    if outage is not None:
        after[(OUTAGE, OUTAGE)] = outage
    return Alerts(after, openings), notices


def _still(alert: Alert, one: Wrong, now: int, notices: list[Notice]) -> Alert:
    same = alert.words == one.words and alert.absent_since is None
    kept = alert if same else replace(alert, words=one.words, absent_since=None)
    if one.critical and not alert.critical and alert.grouped:
        return replace(kept, critical=True)  # the outage that speaks for it is critical from its first word
    if one.critical and not alert.critical:
        kept = replace(kept, critical=True, said=now, acknowledged=False)
        notices.append(Notice(Said.WORSE, kept))
        return kept
    return _reminded(kept, now, notices)


def _reminded(alert: Alert, now: int, notices: list[Notice]) -> Alert:
    """Say it again, or to others as well, while nobody acknowledges it."""
    if alert.acknowledged or alert.grouped:
        return alert
    if not alert.escalated and now >= alert.said + ESCALATE:
        alert = replace(alert, escalated=True)
        notices.append(Notice(Said.ESCALATED, alert))
    if now >= alert.said + (REMIND_CRITICAL if alert.critical else REMIND_WARNING):
        alert = replace(alert, said=now)
        notices.append(Notice(Said.REMINDER, alert))
    return alert


def _gone(alert: Alert, now: int, notices: list[Notice], *, ends: bool) -> Alert | None:
    """What stays of an alert whose reason is gone: one that flaps stays open until it was quiet for a day."""
    if not ends:
        return alert
    since = now if alert.absent_since is None else alert.absent_since
    if alert.flapping and now < since + DAY:
        return replace(alert, absent_since=since)
    if not alert.grouped:
        notices.append(Notice(Said.RESOLVED, alert))
    return None


def _speak_for_themselves(
    after: dict[tuple[str, str], Alert], members: list[Alert], now: int, notices: list[Notice]
) -> None:
    """Few are left of an outage, and were for a day: whoever acknowledged that has not heard of these."""
    for alert in members:
        if alert.absent_since is not None:  # it flapped, and nothing is wrong with it now
            del after[alert.subject, alert.kind]
            continue
        said = replace(alert, grouped=False, said=now)
        after[alert.subject, alert.kind] = said
        notices.append(Notice(Said.OPENED, said))


def _outage(
    outage: Alert | None,
    after: dict[tuple[str, str], Alert],
    opened: list[tuple[str, str]],
    hosts: int,
    now: int,
    notices: list[Notice],
) -> Alert | None:
    """Say each alert that opened, or one word for all of them."""
    recent = {one.host for one in after.values() if one.kind in GROUPED and one.opened > now - HOUR}
    threshold = max(OUTAGE_LEAST, -(-hosts // OUTAGE_SHARE))
    many = len(recent) >= threshold
    grouping = many or (outage is not None and now < outage.opened + HOUR)
    for key in opened:
        alert = after[key]
        if alert.kind in GROUPED and grouping:
            after[key] = replace(alert, grouped=True)
        else:
            notices.append(Notice(Said.OPENED, alert))
    members = [one for one in after.values() if one.grouped]
    left = len({one.host for one in members})
    words = f"{left} of {hosts} hosts"
    few_since = None if left >= threshold else now
    if outage is None:
        if not members:
            return None
        outage = Alert(OUTAGE, OUTAGE, "", True, words, now, now, absent_since=few_since)
        notices.append(Notice(Said.OPENED, outage))
        return outage
    if few_since is not None and outage.absent_since is not None:
        few_since = outage.absent_since
    if members and few_since is not None and now >= few_since + DAY:
        _speak_for_themselves(after, members, now, notices)
        outage, members = replace(outage, words=f"{words} are left, each said for itself"), []
    if members:
        return _reminded(replace(outage, words=words, absent_since=few_since), now, notices)
    notices.append(Notice(Said.RESOLVED, outage))
    return None
