"""Does a host's textfile say by when the next backup must have been made?"""

from __future__ import annotations

from strongroom.fleet.host.reporting.textfile import deadline_of, host_metrics
from strongroom.fleet.host.schedule.memory import RunMemory
from strongroom.fleet.host.schedule.terms import SourceSchedule

DAILY = 1_800_000_000 // 86400 * 86400


def schedule(grammar: str, calendar: str) -> SourceSchedule:
    """A source that is late a day and a half and an hour after what it answered."""
    return SourceSchedule('ho"me', ("offsite",), grammar, calendar, "UTC", True, 0, 37 * 3600, True, False, False)


def test_the_deadline_follows_the_due_date_and_not_the_run() -> None:
    """A run that came late moves no date; by age it does."""
    late_run = RunMemory(last_good=DAILY + 5 * 3600)
    assert deadline_of(schedule("oncalendar", "*-*-* 02:00:00"), late_run) == DAILY + 39 * 3600
    assert deadline_of(schedule("every", "24h"), late_run) == DAILY + 42 * 3600
    assert deadline_of(schedule("every", "24h"), RunMemory()) is None


def test_a_file_has_a_line_for_what_was() -> None:
    """Names are escaped, and what never was is left out."""
    text = host_metrics([(schedule("every", "24h"), RunMemory(since=DAILY, failures=2))], 3)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == [
        f'strongroom_host_deadline_timestamp_seconds{{source="ho\\"me"}} {DAILY + 37 * 3600}',
        'strongroom_host_failures{source="ho\\"me"} 2',
        "strongroom_host_reports_waiting 3",
    ]
