"""Moments of the repository as people read them: local time, without fractions."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from strongroom.format import rfc3339

if TYPE_CHECKING:
    from strongroom.format.timestamp import Timestamp


_LATE = 253_000_000_000
"""Seconds since 1970, in the year 9987: until then local time is in reach of Python's shorter way from 1970 on."""
_ZONES = ("/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/locale/TZ", "/etc/zoneinfo")
"""Where Go looks for zones."""


def go_text(moment: Timestamp) -> str:
    """Go's ``Time.String()``, as restic's headings have it: ``2026-11-30 05:40:00.488344367 +0000 UTC``."""
    seconds, nanoseconds = divmod(moment.ns, 1_000_000_000)
    try:
        shown = datetime.fromtimestamp(seconds, UTC).astimezone(timezone(timedelta(seconds=moment.offset)))
        local = shown.astimezone()
    except (OverflowError, ValueError, OSError):  # years that Go has and Python has not
        return str(moment)
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    zone = shown.strftime("%z")
    name = "UTC" if moment.offset == 0 else local.tzname() if local.utcoffset() == shown.utcoffset() else zone
    return f"{_to_seconds(shown)}{fraction} {zone} {name}"


def local_text(moment: int | str) -> str:
    """``2012-11-01 22:08:41`` in local time, from nanoseconds since 1970 or RFC 3339; other text stays as it is."""
    try:
        nanoseconds = rfc3339.parse(moment) if isinstance(moment, str) else moment
    except ValueError:
        return str(moment)
    seconds = nanoseconds // 1_000_000_000
    try:
        if 0 <= seconds < _LATE:
            return datetime.fromtimestamp(seconds).isoformat(" ", "seconds")  # noqa: DTZ006 - local time is meant
        return _to_seconds(datetime.fromtimestamp(seconds, UTC).astimezone())
    except (OverflowError, ValueError, OSError):
        return "out of range"


def zone_text() -> str:
    """What local time is called, as restic says it: the zone that ``TZ`` names, else ``local time``."""
    zone = os.environ.get("TZ")
    if zone is None:
        return "local time"
    name = zone.removeprefix(":")
    if not name:
        return "UTC"
    if name == "/etc/localtime":
        return "local time"
    if any(os.path.isfile(os.path.join(folder, name)) for folder in _ZONES):
        return name
    return "local time" if time.daylight or time.timezone else "UTC"


def _to_seconds(moment: datetime) -> str:
    """Not ``strftime``, which writes the year 1 as one digit."""
    return moment.replace(tzinfo=None).isoformat(" ", "seconds")
