"""When a watch is late: from the calendar and from the due date that its last good backup answered, nothing else.

A backup answers the newest due date before it arrived. The next must come within ``late_after`` of the answered date:
1.5 intervals, the jitter and an hour, unless an operator or the host's profile says another time, or the host a
shorter one. A run that came late moves no date. All times are seconds since 1970.
"""

from __future__ import annotations

import functools
import heapq
import itertools
from dataclasses import dataclass

from strongroom.fleet.protocol.calendars import DAY, HOUR, Calendar, usual_lateness

_STEP = 3 * HOUR
_YEAR, _PERIOD = 400 * DAY, 30 * DAY
_EACH = 12_000
"""Dates of a schedule that are looked at one by one: an hour apart they last for more than a year."""
_MANY = 20
"""A schedule with so many dates in a year may lose two to changes of the clock."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What comes next for a watch; None where the calendar has no more dates."""

    due: int | None
    late: int | None
    """From when on the backup of the due date counts as not made."""
    twice: int | None
    """From when on it is late twice over."""


NEVER = Deadlines(None, None, None)
"""For what has no schedule."""


def answered_by(calendar: Calendar, good: int, since: int) -> int:
    """The due date that a backup answers which arrived at ``good``; ``since`` is when the watch began."""
    if calendar.every is not None:
        return max(good, since)
    newest = calendar.newest_until(good)
    return max(since, newest) if newest is not None else since


def deadlines_after(
    calendar: Calendar, answered: int, jitter: int, operators: int | None = None, hosts: int | None = None
) -> Deadlines:
    """The deadlines once ``answered`` is done: a due date, or when the watch began.

    ``operators``: ``late_after`` as the server keeps it, None for the usual; ``hosts``: as the host says it, which
    counts where it is shorter. Both in seconds.
    """
    due = calendar.next_after(answered)
    if due is None:
        return NEVER
    following = calendar.next_after(due)
    interval = due - answered
    if following is not None and calendar.every is None and calendar.next_after(answered - 1) != answered:
        interval = following - due  # the watch began between two dates: that gap says nothing
    lateness = usual_lateness(interval, jitter) if operators is None else operators
    lateness = lateness if hosts is None else min(lateness, hosts)
    earliest = due + jitter + HOUR  # no host is late before it can have been on time
    late = max(due - interval + lateness, earliest)
    return Deadlines(due, late, late + (late - due) + interval)


def longest_silence(calendar: Calendar, now: int) -> int | None:
    """How long a schedule is silent at most in the year to come, in steps of three hours; None where its dates end.

    Every gap is looked at, also one that comes once a month. Two of them count by half: a change of the clock may skip
    a date. The steps hide the hour of such a change. They are fixed, so that many small changes add up to large ones.
    """
    if calendar.every is not None:
        return (calendar.every + _STEP // 2) // _STEP
    return _longest_from(calendar, now - now % _PERIOD)


@functools.lru_cache(4096)
def _longest_from(calendar: Calendar, start: int) -> int | None:
    """Reckoned once a month: of a schedule with many dates it takes a while."""
    gaps, before, end = [0], start, start + _PERIOD + _YEAR
    for due in itertools.islice(calendar.dates_after(start), _EACH):
        gaps.append(due - before)
        before = due
        if due >= end or gaps[-1] >= _YEAR:  # dates that are far away take long to find, and this is rare enough
            break
    while before < end and gaps[-1] < _YEAR:  # the dates have ended, or are closer than an hour: looked at by the hour
        found = calendar.next_after(before + HOUR)
        if found is None:
            return None
        gaps.append(found - before - HOUR)
        before = found
    longest = heapq.nlargest(3, gaps)
    silent = longest[0] if len(gaps) < _MANY else max(longest[0] // 2, longest[2])
    return (silent + _STEP // 2) // _STEP
