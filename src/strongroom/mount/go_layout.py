"""Moments written by Go's layouts, such as ``2006-01-02_15-04-05``: what ``--time-template`` takes, as in restic.

A layout is an example: how Go would write 15:04:05.999 on Monday, 2 January 2006, seven hours west of Greenwich.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.format.timestamp import Timestamp

RFC3339 = "2006-01-02T15:04:05Z07:00"
"""restic's default."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_PART = re.compile(  # the longest first, as Go looks for them; "Jan" and "Mon" not before a small letter
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|_2006|__2|_2|002|01|02|03|04|05|06|15|1|2|3|4|5"
    r"|PM|pm|Z07:00:00|Z070000|Z07:00|Z0700|Z07|-07:00:00|-070000|-07:00|-0700|-07|[.,](?:0+|9+)(?![0-9])"
)


def written(moment: Timestamp, layout: str) -> str:
    """A moment, in the offset that it carries, by a layout. Years that Python has not are clipped to 1 and 9999."""
    seconds, nanoseconds = divmod(moment.ns, 10**9)
    try:
        local = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds + moment.offset)
    except OverflowError:
        local = datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC)
    return _PART.sub(lambda part: _written(part[0], local, nanoseconds, moment.offset), layout)


def _written(part: str, moment: datetime, nanoseconds: int, offset: int) -> str:
    if part == "_2006":  # an underscore and a year
        return f"_{moment.year:04d}"
    if part == "MST":
        return _zone_name(moment, offset)
    if part[0] in "Z-":
        return _zone(part, offset)
    if part[0] in ".,":
        return _fraction(part, nanoseconds)
    hour12 = moment.hour % 12 or 12
    return {
        "January": _MONTHS[moment.month - 1],
        "Jan": _MONTHS[moment.month - 1][:3],
        "Monday": _DAYS[moment.weekday()],
        "Mon": _DAYS[moment.weekday()][:3],
        "2006": f"{moment.year:04d}",
        "06": f"{moment.year % 100:02d}",
        "01": f"{moment.month:02d}",
        "1": str(moment.month),
        "02": f"{moment.day:02d}",
        "_2": f"{moment.day:2d}",
        "2": str(moment.day),
        "002": f"{moment.timetuple().tm_yday:03d}",
        "__2": f"{moment.timetuple().tm_yday:3d}",
        "15": f"{moment.hour:02d}",
        "03": f"{hour12:02d}",
        "3": str(hour12),
        "04": f"{moment.minute:02d}",
        "4": str(moment.minute),
        "05": f"{moment.second:02d}",
        "5": str(moment.second),
        "PM": "PM" if moment.hour >= 12 else "AM",
        "pm": "pm" if moment.hour >= 12 else "am",
    }[part]


def _zone(part: str, offset: int) -> str:
    """An offset; ``Z…`` is ``Z`` for none."""
    if part[0] == "Z" and offset == 0:
        return "Z"
    seconds = abs(offset)
    pieces = [f"{seconds // 3600:02d}", f"{seconds // 60 % 60:02d}", f"{seconds % 60:02d}"]
    joined = (":" if ":" in part else "").join(pieces[: len(part.replace(":", "")) // 2])
    return ("-" if offset < 0 else "+") + joined


def _zone_name(moment: datetime, offset: int) -> str:
    """A zone has a name where this machine's has the same offset; else it is four digits, as Go writes it."""
    if offset == 0:
        return "UTC"
    try:
        local = (moment - timedelta(seconds=offset)).astimezone()
    except (OverflowError, OSError, ValueError):
        return _zone("-0700", offset)
    name = local.tzname() if local.utcoffset() == timedelta(seconds=offset) else None
    return name or _zone("-0700", offset)


def _fraction(part: str, nanoseconds: int) -> str:
    """``.000``: so many digits; ``.999``: the same without zeros at the end."""
    digits = f"{nanoseconds:09d}"[: len(part) - 1]
    if part[1] == "9":
        digits = digits.rstrip("0")
    return part[0] + digits if digits else ""
