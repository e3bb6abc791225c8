"""``schedule preview`` and ``schedule status``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from strongroom.base.clock import SYSTEM
from strongroom.base.quantities import duration_text
from strongroom.cli import exit_codes
from strongroom.cli.output.table import table
from strongroom.cli.schedule.shared import CODES, add_sources, machine, memory, schedules_of
from strongroom.fleet.host.schedule.due import DueDates
from strongroom.fleet.host.schedule.installing import UnitFolder

if TYPE_CHECKING:
    import argparse

    from strongroom.cli.shared.context import Context
    from strongroom.fleet.host.schedule.terms import SourceSchedule

DATES = 5
_NANO = 1_000_000_000


def arguments_preview(parser: argparse.ArgumentParser) -> None:
    """Which sources."""
    parser.description = (
        "Show the next five due dates of each source, in its time zone with its changes of the clock, and how much\n"
        "later a run begins at most (jitter: on each machine another part of it, the same each day)."
    )
    add_sources(parser)


def run_preview(context: Context) -> int:
    """Print the dates; nothing is written."""
    now = SYSTEM.now_ns() // _NANO
    shown = []
    for schedule in schedules_of(context):
        dates = schedule.dates()
        found: list[int] = []
        last = memory().of(schedule.source).last_good if dates.every else now
        moment: int | None = max(last, now - (dates.every or 0))
        while moment is not None and len(found) < DATES:
            moment = dates.next_after(moment)
            if moment is not None:
                found.append(moment)
        shown.append((schedule, found))
    if context.json:
        context.out.json([_document(schedule) | {"dates": found} for schedule, found in shown])
        return exit_codes.OK
    for schedule, found in shown:
        late = duration_text(schedule.late_after * _NANO)
        jitter = f"up to {duration_text(schedule.jitter * _NANO)} later" if schedule.jitter else "at once"
        context.out.line(f"{schedule.source}: {schedule.words()}, {schedule.zone}; begins {jitter}, late after {late}")
        for date in found:
            context.out.line(f"  {_local(date, schedule.zone)}")
    return exit_codes.OK


def _document(schedule: SourceSchedule) -> dict[str, Any]:
    return schedule.terms().to_document()


def _local(moment: int, zone: str) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M:%S %z")


def arguments_status(parser: argparse.ArgumentParser) -> None:
    """Which sources."""
    parser.description = "Show for each source when it was last backed up, how its last run ended, and when it is due."
    add_sources(parser)


def run_status(context: Context) -> int:
    """Print a line for each source."""
    now = SYSTEM.now_ns() // _NANO
    units = UnitFolder()
    rows, documents = [], []
    for schedule in schedules_of(context):
        seen = memory().of(schedule.source)
        following = DueDates(schedule, memory(), machine(), CODES.good).after(now)
        ended = "never ran" if seen.last_code < 0 else exit_codes.MEANINGS.get(seen.last_code, f"code {seen.last_code}")
        good = _local(seen.last_good, schedule.zone) if seen.last_good else "never"
        begins = units.next_begin(schedule.source) or (following.begin if following else None)
        due = _local(begins, schedule.zone) if begins else "never again"
        state = units.timer_state(schedule.source)
        rows.append((schedule.source, good, ended, due, state))
        documents.append(
            {
                "source": schedule.source,
                "last_good": seen.last_good or None,
                "last_code": None if seen.last_code < 0 else seen.last_code,
                "failures": seen.failures,
                "due": following.due if following else None,
                "begins": begins,
                "timer": state,
            }
        )
    if context.json:
        context.out.json(documents)
    else:
        for line in table(("Source", "Last good", "Last run", "Next", "Timer"), rows):
            context.out.line(line)
    return exit_codes.OK
