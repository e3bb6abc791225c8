"""Time for durations: how late it is by the time since boot, whatever somebody does to the wall clock.

A wait, a lease, a window and a day's quota are held against this. Within one boot the wall clock and the time since
boot move together, also when the clock is slewed; what makes their difference larger is a step, and a step is not
believed before it has stood for an hour: a clock that is 400 days ahead for ten seconds opens and silences nothing.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STEP_NS = 2 * 10**9
"""Differences up to this are no jump: leap seconds, slewing, two machines under one database."""
SETTLE_NS = 3600 * 10**9
"""So long a step has to stand until the new time counts."""


def since_boot_ns() -> int:
    """Nanoseconds since the system's start, suspended times included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Steady:
    """One wall clock, made steady. Safe to use from many threads."""

    def __init__(self, since_boot: Callable[[], int] = since_boot_ns) -> None:
        self._since_boot = since_boot
        self._guard = threading.Lock()
        self._offset: int | None = None
        """Wall clock minus time since boot, as it is believed."""
        self._other = 0
        """The same, as it is since the clock was set at ``_stepped``."""
        self._stepped: int | None = None

    def now_ns(self, wall_ns: int) -> int:
        """The time to count with, now that the wall clock says this. Nanoseconds since 1970."""
        boot_ns = self._since_boot()
        offset = wall_ns - boot_ns
        with self._guard:
            if self._offset is None or abs(offset - self._offset) <= STEP_NS:
                self._offset, self._stepped = offset, None
            elif self._stepped is None or abs(offset - self._other) > STEP_NS:
                self._other, self._stepped = offset, boot_ns
            elif boot_ns >= self._stepped + SETTLE_NS:
                self._offset, self._stepped = offset, None
            else:
                self._other = offset
            return boot_ns + self._offset

    def offset_ns(self) -> int | None:
        """What is believed now; None before the first look."""
        with self._guard:
            return self._offset

    def believe(self, offset_ns: int) -> None:
        """What an earlier process of this boot believed: a process that is started while the clock is wrong."""
        with self._guard:
            self._offset, self._stepped = offset_ns, None
