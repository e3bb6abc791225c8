"""A host's metrics as a textfile for Prometheus' node_exporter: deadlines, not ages.

One rule, ``time() >`` a deadline, fits every schedule, and nothing pages after a reboot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.fleet.host.schedule.memory import RunMemory
    from strongroom.fleet.host.schedule.terms import SourceSchedule

_PREFIX = "strongroom_host_"
_HELP = {
    "deadline_timestamp_seconds": "When the next good backup must have been made",
    "last_good_timestamp_seconds": "When the last good backup ended",
    "last_exit_code": "The exit code of the last run",
    "failures": "Runs in a row that failed, retries counted",
    "reports_waiting": "Reports that wait for the fleet's server",
}


def host_metrics(sources: Sequence[tuple[SourceSchedule, RunMemory]], waiting: int) -> str:
    """The whole file, in the text format of Prometheus. What never was has no line."""
    series: dict[str, list[str]] = {name: [] for name in _HELP}
    for schedule, memory in sources:
        values = {
            "deadline_timestamp_seconds": deadline_of(schedule, memory),
            "last_good_timestamp_seconds": memory.last_good or None,
            "last_exit_code": memory.last_code if memory.last_code >= 0 else None,
            "failures": memory.failures,
        }
        for name, value in values.items():
            if value is not None:
                series[name].append(f'{_PREFIX}{name}{{source="{_escaped(schedule.source)}"}} {value}')
    series["reports_waiting"].append(f"{_PREFIX}reports_waiting {waiting}")
    lines = []
    for name, rows in series.items():
        lines += [f"# HELP {_PREFIX}{name} {_HELP[name]}", f"# TYPE {_PREFIX}{name} gauge", *rows]
    return "\n".join(lines) + "\n"


def deadline_of(schedule: SourceSchedule, memory: RunMemory) -> int | None:
    """By when the next good backup must have been made, in seconds since 1970: ``late_after`` the due date that the
    last good one answered, or that the schedule is known from. None while neither is known."""
    good = memory.last_good or memory.since
    if not good:
        return None
    dates = schedule.dates()
    answered = dates.newest_until(good) if dates.every is None else good
    return (good if answered is None else answered) + schedule.late_after


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
