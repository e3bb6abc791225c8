"""The scheduler of a container: a thread for each source, dates on disk, children waited for as process 1."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.base.clock import Clock
    from strongroom.fleet.host.schedule.due import DueDates
    from strongroom.fleet.host.schedule.runs import ScheduledRun

LOOK = 60.0
"""Seconds between two looks at the clock, at most: it may be set, and the machine may have slept."""
HOUR = 3600.0
_NANO = 1_000_000_000
_REAP = 5.0


class StoppableClock:
    """A clock whose ``sleep`` ends when the scheduler is told to stop, with ``Interrupted``."""

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop

    def now_ns(self) -> int:
        """Wall-clock time in nanoseconds since 1970-01-01 UTC."""
        return self._clock.now_ns()

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait. Raises ``Interrupted``."""
        if self._stop.wait(seconds):
            raise Interrupted("interrupted")


class SchedulerLoop:
    """Begins each source's runs when they are due, until ``stop`` is set."""

    def __init__(
        self,
        sources: Sequence[tuple[DueDates, ScheduledRun]],
        clock: Clock,
        stop: threading.Event,
        say: Callable[[str], None],
        is_idle: Callable[[], bool] = lambda: True,
        hourly: Callable[[], None] = lambda: None,
    ) -> None:
        """``is_idle`` says that no child of ours runs, so that whoever has ended was left to us."""
        self._hourly = hourly
        self._sources = sources
        self._clock = clock
        self._stop = stop
        self._say = say
        self._is_idle = is_idle
        self._fault: BaseException | None = None

    def run(self) -> None:
        """Until ``stop`` is set. Raises what a source's thread could not deal with, such as a full disk's OSError."""
        threads = [
            threading.Thread(target=self._guarded, args=source, name="schedule", daemon=True)
            for source in self._sources
        ]
        for thread in threads:
            thread.start()
        reported = self._clock.monotonic()
        while not self._stop.wait(_REAP):
            if self._clock.monotonic() - reported >= HOUR:
                reported = self._clock.monotonic()
                self._hourly()
            if os.getpid() == 1 and self._is_idle():
                _reap()
        for thread in threads:
            thread.join()
        if self._fault is not None:
            raise self._fault

    def _guarded(self, dates: DueDates, run: ScheduledRun) -> None:
        try:
            while not self._stop.is_set():
                self.step(dates, run)
        except Interrupted:
            pass
        except BaseException as error:
            self._fault = error
            self._stop.set()

    def step(self, dates: DueDates, run: ScheduledRun) -> None:
        """Make the run of a source that is due, or wait for a while. Raises ``Interrupted``, OSError."""
        now = self._clock.now_ns() // _NANO
        due = dates.pending(now, self._say)
        if due is not None:
            run.go(due)
            return
        following = dates.after(now)
        self._clock.sleep(LOOK if following is None else min(LOOK, max(1.0, following.begin - now)))


def _reap() -> None:
    """Wait for processes whose parents have gone: process 1 is everybody's heir."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
