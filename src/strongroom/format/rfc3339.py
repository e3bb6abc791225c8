"""Times as restic writes them in locks and keys: RFC 3339 with up to nine digits of a second.

``datetime`` stops at microseconds, so nanoseconds stay whole numbers here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_PATTERN = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(?:([Zz])|([+-])(\d\d):(\d\d))\Z", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_utc(ns: int) -> str:
    """Nanoseconds since 1970 UTC as text, the fraction without trailing zeros and dropped when zero (Go's rule)."""
    seconds, nanos = divmod(ns, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return f"{text.zfill(19)}{fraction}Z"


def parse(text: str) -> int:
    """Nanoseconds since 1970 UTC. Raises ``ValueError`` for anything that is not RFC 3339, and for the year 0."""
    match = _PATTERN.match(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC) - _EPOCH
    seconds = moment.days * 86400 + moment.seconds + (second - min(second, 59))
    if match[9]:
        shift = int(match[10]) * 3600 + int(match[11]) * 60
        seconds -= shift if match[9] == "+" else -shift
    return seconds * 1_000_000_000 + int((match[7] or "").ljust(9, "0"))
