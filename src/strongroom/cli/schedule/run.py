"""``schedule run``: one run of a source now, or all of them when they are due, for ever."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

from strongroom.base.clock import SYSTEM
from strongroom.base.errors import Interrupted, UsageError
from strongroom.cli import exit_codes
from strongroom.cli.schedule.attempt import BackupAttempts
from strongroom.cli.schedule.fleet_state import RunReports
from strongroom.cli.schedule.shared import CODES, file_of, machine, memory, places_of, schedules_of
from strongroom.cli.shared.interruptible_clock import InterruptibleClock
from strongroom.fleet.host.schedule.due import DueDates
from strongroom.fleet.host.schedule.loop import SchedulerLoop, StoppableClock
from strongroom.fleet.host.schedule.runs import ScheduledRun

if TYPE_CHECKING:
    import argparse
    from types import FrameType

    from strongroom.base.clock import Clock
    from strongroom.cli.shared.context import Context
    from strongroom.fleet.host.schedule.terms import SourceSchedule

_NANO = 1_000_000_000


def arguments_run(parser: argparse.ArgumentParser) -> None:
    """The one source, or none."""
    parser.description = (
        "With SOURCE: one run of it now, as its timer begins it. It waits until the repositories answer (15 minutes\n"
        "at most), for mains and for a link that is not metered (half of `late_after` at most), and keeps the machine\n"
        "awake. A run that fails is made again after 10, 30 and 90 minutes. A second run of a source that is under\n"
        "way ends at once and says `overlap`.\n\n"
        "Without: the scheduler of a container, which may be its process 1. It begins each source when it is due, and\n"
        "remembers on disk what was done, so that a restart neither repeats nor forgets a run. SIGTERM ends it."
    )
    parser.add_argument("source", nargs="?", metavar="SOURCE", help="the source to back up now")


def run_run(context: Context) -> int:
    """The exit code of the source's last attempt; of the scheduler: 0 when it was told to end."""
    source = context.arguments.source
    context.arguments.sources = [source] if source else []
    schedules = schedules_of(context)
    return run_once(context, schedules[0]) if source else _for_ever(context, schedules)


def _attempts(context: Context, reports: RunReports) -> BackupAttempts:
    options = ["--config", os.path.abspath(file_of(context).path)]
    return BackupAttempts(options, context.out.line_now, reports.tell, reports.begin, names=reports.names)


def _scheduled(context: Context, schedule: SourceSchedule, attempts: BackupAttempts, clock: Clock) -> ScheduledRun:
    places = places_of(file_of(context), schedule)
    return ScheduledRun(schedule, memory(), clock, attempts.make, CODES, context.out.line_now, places)


def run_once(context: Context, schedule: SourceSchedule, *, retries: bool = True) -> int:
    """One run of a source now; the exit code of its last attempt. Raises ``UsageError`` for a disk that is full."""
    attempts = _attempts(context, RunReports(context, file_of(context), context.out.line_now))
    dates = DueDates(schedule, memory(), machine(), CODES.good)
    now = SYSTEM.now_ns() // _NANO
    due: int | None
    if schedule.grammar == "every":  # its timer looks often, and the age decides
        due = dates.pending(now)
        if due is None and "INVOCATION_ID" in os.environ:
            return exit_codes.OK
    else:
        due = schedule.dates().newest_until(now)
    run = _scheduled(context, schedule, attempts, InterruptibleClock(context.signals))
    try:
        return run.go(due, retries=retries)
    except Interrupted:
        attempts.end()
        raise
    except OSError as error:
        raise _no_memory(error) from None


def _for_ever(context: Context, schedules: list[SourceSchedule]) -> int:
    stop = threading.Event()
    reports = RunReports(context, file_of(context), context.out.line_now)
    attempts = _attempts(context, reports)

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        attempts.end()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    context.signals.heed()
    clock = StoppableClock(SYSTEM, stop)
    sources = [
        (DueDates(one, memory(), machine(), CODES.good), _scheduled(context, one, attempts, clock)) for one in schedules
    ]
    for schedule, (dates, _) in zip(schedules, sources, strict=True):
        following = dates.after(SYSTEM.now_ns() // _NANO)
        when = "never again" if following is None else f"in {max(0, following.begin - SYSTEM.now_ns() // _NANO)} s"
        context.out.line_now(f"{schedule.source}: {schedule.words()}, next {when}")
    try:
        SchedulerLoop(sources, clock, stop, context.out.line_now, attempts.is_idle, reports.hourly).run()
    except OSError as error:
        raise _no_memory(error) from None
    return exit_codes.OK


def _no_memory(error: OSError) -> UsageError:
    hint = "Set STRONGROOM_STATE_DIR to a folder that stays, and that this user may write."
    return UsageError(f"what was run cannot be remembered: {error.strerror}", subject=str(error.filename), hint=hint)
