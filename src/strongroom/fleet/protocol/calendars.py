"""Due dates from the calendar alone: what host and server compute alike from the same words.

``oncalendar`` is systemd's OnCalendar (systemd.time(7)), ``cron`` its five fields, both read in a time zone with its
changes of the clock; ``every`` counts from the last good backup. Times are seconds since 1970.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

from strongroom.base.errors import Damaged
from strongroom.base.quantities import duration

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR, DAY = 3600, 86400
SHORTEST = 300
"""Seconds between two due dates, at least: a backup each minute is no schedule but a mistake."""
LONGEST = 400 * DAY
_WINDOWS = (HOUR, DAY, 8 * DAY, 32 * DAY, 366 * DAY, 1500 * DAY)
_PROBES = 50
_STEP = re.compile(r"(?P<start>\*|\d+)/(?P<step>\d+)\Z")
_CLOCK, _DAYS = ((0, 23), (0, 59), (0, 59)), ((1, 31), (1, 12))
"""First and last of hour, minute and second; of day and month."""
_SHORTEST_MONTH = 3
"""By so many days a month may be shorter than 31: what is counted from its end begins no earlier."""
_REMEMBERED = 1000
_LATELY = 16


class Calendar:
    """When one source's backups are due."""

    def __init__(self, grammar: str, words: str, zone: str) -> None:
        """Raises ``Damaged`` when the words make no sense, or name dates that follow within ``SHORTEST``."""
        self.grammar, self.words = grammar, words
        self._next: dict[int, int | None] = {}
        """Due dates that were asked for lately: hosts of one schedule ask for the same."""
        self._lately: deque[tuple[int, int | None]] = deque(maxlen=_LATELY)
        self.every: int | None = None
        try:
            self._zone = ZoneInfo(zone)
        except (ValueError, OSError, KeyError):  # zoneinfo's own error is a KeyError
            raise Damaged(f"there is no time zone {zone!r}", hint="such as Europe/Berlin, or UTC") from None
        if grammar == "every":
            try:
                self.every = int(duration(words))
            except ValueError as error:
                raise Damaged(f"not a schedule: {error}") from None
            if not SHORTEST <= self.every <= LONGEST:
                raise Damaged(f"every {words}: between 5 minutes and {LONGEST // DAY} days are allowed")
            return
        dates = list(itertools.islice(self.dates_after(0), _PROBES))
        if grammar == "oncalendar" and (odd := _vain_step(words)):
            hint = "Such a step never counts, and no timer is made of it: leave it out, or begin earlier."
            raise Damaged(f"`{words}` is no schedule to systemd: {odd} goes beyond the end", hint=hint)
        if any(second - first < SHORTEST for first, second in itertools.pairwise(dates)):
            raise Damaged(f"`{words}` is due more often than every {SHORTEST // 60} minutes")

    def dates_after(self, after: int) -> Iterator[int]:
        """All due dates after a moment, of a calendar; may have no end. Raises ``Damaged``."""
        try:
            start = datetime.fromtimestamp(after, self._zone)
            dates = CronSim(self.words, start) if self.grammar == "cron" else OnCalendar(self.words, start)
            for date in dates:
                yield int(date.timestamp())
        except (CronSimError, OnCalendarError, OverflowError) as error:
            raise Damaged(
                f"`{self.words}` is no schedule: {error}",
                hint="such as `*-*-* 02:00:00` (OnCalendar), `0 2 * * *` (cron), or `every 24h`",
            ) from None

    def next_after(self, moment: int) -> int | None:
        """The first due date after the moment; None where there is none. For ``every`` the moment is the last good."""
        if self.every is not None:
            return moment + self.every
        if moment not in self._next:
            if len(self._next) >= _REMEMBERED:
                self._next.clear()
            self._next[moment] = self._look(moment)
        return self._next[moment]

    def _look(self, moment: int) -> int | None:
        """From what was looked for lately, where the moment lies between that and its date: looking takes long where
        dates are years apart."""
        for start, date in self._lately:
            if start <= moment and (date is None or moment < date):
                return date
        found = next(self.dates_after(moment), None)
        self._lately.append((moment, found))
        return found

    def newest_until(self, moment: int) -> int | None:
        """The last due date that is not after the moment; None where there is none in four years, and for ``every``."""
        if self.every is not None:
            return None
        for window in _WINDOWS:
            newest = None
            for date in self.dates_after(moment - window - 1):
                if date > moment:
                    break
                newest = date
            if newest is not None:
                return newest
        return None


def _vain_step(words: str) -> str:
    """A step that goes beyond the end of its part of an OnCalendar, which systemd refuses; empty where none does."""
    for word in words.split():
        parts = word.split(":") if ":" in word else re.split("(?<=[^.])(?=[-~])", word)
        ranges = _CLOCK if ":" in word else _DAYS if "~" in word or "-" in word else ()
        for part, (first, last) in zip(reversed(parts) if ":" not in word else parts, ranges, strict=False):
            from_end = part.startswith("~")
            end = last - _SHORTEST_MONTH if from_end else last
            for one in part.lstrip("-~").split(","):
                match = _STEP.match(one)
                if match is None:
                    continue
                start = first if match["start"] == "*" else int(match["start"])
                step = int(match["step"])
                if (start - step < first) if from_end else (start + step > end):
                    return part.lstrip("-~")
    return ""


def usual_lateness(interval: int, jitter: int) -> int:
    """After how many seconds without a backup it is late, when nobody said: 1.5 intervals, the jitter, an hour."""
    return interval * 3 // 2 + jitter + HOUR
