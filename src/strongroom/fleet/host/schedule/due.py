"""Which run of a source is due: from the calendar and what is remembered, so that a restart moves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.fleet.host.schedule.memory import RunMemory, ScheduleMemory
    from strongroom.fleet.host.schedule.terms import SourceSchedule

MISSED = 300
"""Seconds after which a run that nobody began counts as missed, where ``catch_up = false``."""
_AGAIN = 3600
"""Seconds after which a source by age is looked at again that was skipped."""


@record
class NextRun:
    """The due date of a run, and when this machine begins it: later by its share of the jitter."""

    due: int
    begin: int


class DueDates:
    """The runs of one source on this machine."""

    def __init__(self, schedule: SourceSchedule, memory: ScheduleMemory, machine: str, good: frozenset[int]) -> None:
        self._schedule = schedule
        self._memory = memory
        self._dates = schedule.dates()
        self._delay = schedule.delay(machine)
        self._good = good

    def pending(self, now: int, say: Callable[[str], None] = lambda _text: None) -> int | None:
        """The due date whose run is to be begun now; None when there is none.

        Of several that were missed one run is made, for the newest. Without ``catch_up`` none is. Raises OSError.
        """
        source = self._schedule.source
        memory = self._memory.of(source)
        if not memory.since:
            memory = self._memory.change(source, since=now)
        moments = memory.since, memory.due_done, memory.last_end, memory.last_good
        if max(moments) > now:  # the clock was ahead, and was set: what lies ahead now would stop all runs until then
            since, due_done, last_end, last_good = (min(one, now) for one in moments)
            memory = self._memory.change(source, since=since, due_done=due_done, last_end=last_end, last_good=last_good)
        if self._dates.every is not None:
            due = self._by_age(memory)
            return due if due <= now else None
        newest = self._dates.newest_until(now - self._delay)
        if newest is None or newest <= memory.due_done or newest < memory.since:
            return None
        if not self._schedule.catch_up and now - newest - self._delay > MISSED:
            say(f"{source}: the run that was due was missed, and is not made now (catch_up = false)")
            self._memory.change(source, due_done=newest)
            return None
        return newest

    def after(self, now: int) -> NextRun | None:
        """The next run after this moment; None where the calendar has no more dates."""
        if self._dates.every is not None:
            memory = self._memory.of(self._schedule.source)
            due = self._by_age(memory) if memory.since or memory.last_good else now
            return NextRun(due, max(due, now))
        due_next = self._dates.next_after(now - self._delay)
        return None if due_next is None else NextRun(due_next, due_next + self._delay)

    def _by_age(self, memory: RunMemory) -> int:
        """When a source by age is due: so long after the last good one, and not at once after one that was not."""
        every = self._dates.every or 0
        due = memory.last_good + every if memory.last_good else memory.since
        if memory.last_end > memory.last_good:
            due = max(due, memory.last_end + (every if memory.failures else min(every, _AGAIN)))
        return due
