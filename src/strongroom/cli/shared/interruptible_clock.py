"""A clock whose waits end when the user asks to stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from strongroom.base.clock import SystemClock, monotonic
from strongroom.base.errors import Interrupted

if TYPE_CHECKING:
    from strongroom.cli.shared.signals import Signals


class InterruptibleClock(SystemClock):
    """The system's clocks. A wait, as for a lock that another process holds, is looked up from ten times a second."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def sleep(self, seconds: float) -> None:
        """Wait. Raises ``Interrupted`` when the user asks to stop meanwhile."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            if self._signals.asked:
                raise Interrupted("interrupted while waiting")
            time.sleep(min(left, 0.1))
