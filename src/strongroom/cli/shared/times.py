"""Moments of the repository as people read them: local time, without fractions."""

from __future__ import annotations

from datetime import UTC, datetime

from strongroom.format import rfc3339


def local_text(moment: int | str) -> str:
    """``2012-11-01 22:08:41`` in local time, from nanoseconds since 1970 or RFC 3339; other text stays as it is."""
    try:
        nanoseconds = rfc3339.parse(moment) if isinstance(moment, str) else moment
    except ValueError:
        return str(moment)
    try:
        return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return "out of range"
