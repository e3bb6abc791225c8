"""A clock that goes behind by ``$DAYS_AGO`` days, for Python programs that find this folder in ``$PYTHONPATH``.

The quick start lets a host join a fleet, and its server let it in, "four days ago": both run unchanged, and four days
later, which is now, the host is late.
"""

import os
import time

_BEHIND = int(os.environ.get("DAYS_AGO", "0")) * 86400
_seconds, _nanoseconds = time.time, time.time_ns


def _seconds_then() -> float:
    return _seconds() - _BEHIND


def _nanoseconds_then() -> int:
    return _nanoseconds() - _BEHIND * 10**9


if _BEHIND:
    time.time, time.time_ns = _seconds_then, _nanoseconds_then
