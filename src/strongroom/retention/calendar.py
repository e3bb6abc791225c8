"""Civil time without bounds on the year, and spans of it as users of restic write them.

``datetime`` knows the years 1 to 9999 alone, and a policy may look back 9999 years (``docs/reference/format.md`` 3.1).
"""

from __future__ import annotations

from collections.abc import Callable

from strongroom.base.quantities import span
from strongroom.base.record import record

NS = 1_000_000_000
_DAY = 86400

Zone = Callable[[int], int]
"""A time zone: the seconds east of UTC at an instant in seconds since 1970."""


@record
class Span:
    """Years, months, days and hours: ``1y5m7d2h``, where m is months."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> Span:
        """What restic takes (``base/quantities.span``). Raises ``ValueError`` with a sentence that says how."""
        return cls(*span(text))

    def __str__(self) -> str:
        parts = zip((self.years, self.months, self.days, self.hours), "ymdh", strict=True)
        return "".join(f"{number}{unit}" for number, unit in parts if number)

    def __bool__(self) -> bool:
        return any((self.years, self.months, self.days, self.hours))


def days_of(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the proleptic Gregorian calendar; months and days beyond theirs run on, as in Go."""
    years, month = divmod(month - 1, 12)
    year += years
    if month < 2:  # years that begin in March have their leap day at the end
        year -= 1
    era, of_era = divmod(year, 400)
    of_year = (153 * ((month - 2) % 12) + 2) // 5
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468 + day - 1


def date_of(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01."""
    era, of_era = divmod(days + 719468, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    return year + era * 400 + (month >= 10), month + 3 if month < 10 else month - 9, day


def iso_week(days: int) -> tuple[int, int]:
    """ISO 8601's year and week of a number of days since 1970-01-01."""
    thursday = days - (days + 3) % 7 + 3
    year = date_of(thursday)[0]
    return year, (thursday - days_of(year, 1, 1)) // 7 + 1


def before(ns: int, offset: int, span: Span, zone: Zone | None = None) -> int:
    """The instant that lies a span before another, in nanoseconds since 1970, as Go's ``AddDate`` and ``Add`` have it.

    Years, months and days are taken from the date that a clock ``offset`` seconds east of UTC shows: a month before
    31 March is 3 March, or the 2nd in a leap year. Where ``zone`` has that offset at that instant, the result is read
    in ``zone``, whose offset may be another by then (summer time); restic does so with the zone that it runs in.
    """
    seconds, nanos = divmod(ns, NS)
    days, of_day = divmod(seconds + offset, _DAY)
    year, month, day = date_of(days)
    wall = days_of(year - span.years, month - span.months, day - span.days) * _DAY + of_day
    if zone is not None and zone(seconds) == offset:
        offset = zone(wall)
        if zone(wall - offset) != offset:
            offset = zone(wall - offset)
    return (wall - offset - span.hours * 3600) * NS + nanos
