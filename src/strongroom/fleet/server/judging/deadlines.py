"""When a watch is late: from the calendar and from the due date that its last good backup answered, nothing else.

A backup answers the newest due date before it arrived. The next must come within ``late_after`` of the answered date:
1.5 intervals, the jitter and an hour, unless an operator or the host's profile says another time, or the host a
shorter one. A run that came late moves no date. All times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.fleet.protocol.calendars import DAY, HOUR, Calendar, usual_lateness

_STEP = 3 * HOUR
_YEAR, _PROBED = 400 * DAY, 30 * DAY


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

    The steps hide the hour of a change of the clock. They are fixed, so that many small changes add up to large ones.
    """
    if calendar.every is not None:
        return (calendar.every + _STEP // 2) // _STEP
    longest = 0
    for probe in range(now, now + _YEAR, _PROBED):
        due = calendar.next_after(probe)
        following = None if due is None else calendar.next_after(due)
        if due is None or following is None:
            return None
        longest = max(longest, due - probe, following - due)
        if longest >= _YEAR:  # looking for dates that are far away takes long, and this is rare enough
            break
    return (longest + _STEP // 2) // _STEP


def missed_until(calendar: Calendar, answered: int, now: int, most: int = 1000) -> int:
    """How many due dates have passed unanswered: failures in each ratio."""
    count, moment = 0, answered
    while count < most:
        due = calendar.next_after(moment)
        if due is None or due > now:
            break
        count, moment = count + 1, due
    return count
