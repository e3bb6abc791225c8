"""One scheduled run: it waits, takes the source's lock, is made, and is tried again when it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from strongroom.base.record import record
from strongroom.fleet.host.schedule import waiting
from strongroom.fleet.host.schedule.awake import no_sleep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.base.clock import Clock
    from strongroom.fleet.host.schedule.memory import ScheduleMemory
    from strongroom.fleet.host.schedule.terms import SourceSchedule

RETRIES = (600.0, 1800.0, 5400.0)
"""Seconds before each new attempt after a failure; never more of them, and never by a server."""
NANO = 1_000_000_000
Attempt: TypeAlias = "Callable[[SourceSchedule, int | None, float | None], int]"
"""Makes a backup of the source, for a due date or without one, and returns its exit code. The number is how many
seconds later it is tried again should it fail, None for the last time."""


@record
class RunCodes:
    """What the exit codes of a backup mean to a schedule."""

    good: frozenset[int]
    final: frozenset[int]
    """Neither good nor worth another attempt: skipped, interrupted."""
    overlap: int


class ScheduledRun:
    """Runs of one source, by a schedule or because its timer said so."""

    def __init__(
        self,
        schedule: SourceSchedule,
        memory: ScheduleMemory,
        clock: Clock,
        attempt: Attempt,
        codes: RunCodes,
        say: Callable[[str], None],
        places: Sequence[tuple[str, int]] = (),
        senses: waiting.MachineSenses = waiting.MACHINE,
    ) -> None:
        self._schedule = schedule
        self._memory = memory
        self._clock = clock
        self._attempt = attempt
        self._codes = codes
        self._say = say
        self._places = places
        self._senses = senses

    def go(self, due: int | None, *, retries: bool = True) -> int:
        """Make the run for this due date, up to four times; the exit code of the last attempt.

        Raises OSError, or ``Interrupted`` when it is told to end.
        """
        source = self._schedule.source
        pauses = (0.0, *RETRIES) if retries else (0.0,)
        for pause, following in zip(pauses, (*pauses[1:], None), strict=True):
            if pause:
                self._say(f"{source}: tried again in {pause / 60:.0f} minutes")
                self._clock.sleep(pause)
            waiting.wait(self._schedule, self._places, self._clock, lambda text: self._say(f"{source}: {text}"),
                         self._senses)  # fmt: skip
            code = self._once(due, following)
            if code == self._codes.overlap:
                return code
            if code in self._codes.good:
                break
            if code in self._codes.final:
                self._clock.sleep(0.0)  # ended with the scheduler, it is due again when that begins
                break
        if due is not None:
            self._memory.change(source, due_done=due)
        return code

    def _once(self, due: int | None, following: float | None) -> int:
        source = self._schedule.source
        with self._memory.alone(source) as ours:
            if not ours:
                self._say(f"{source}: overlap: another run of it is under way")
                return self._codes.overlap
            with no_sleep(f"a backup of {source}"):
                code = self._attempt(self._schedule, due, following)
            now = self._now()
            if code in self._codes.good:
                self._memory.change(source, last_end=now, last_good=now, last_code=code, failures=0)
            else:
                failures = self._memory.of(source).failures + (code not in self._codes.final)
                self._memory.change(source, last_end=now, last_code=code, failures=failures)
            return code

    def _now(self) -> int:
        return self._clock.now_ns() // NANO
