"""Which runs are made, and when: over changes of the clock, restarts, failures, and whatever a run waits for."""

from __future__ import annotations

import itertools
import os
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from strongroom.base.errors import Interrupted
from strongroom.fleet.host.schedule import waiting
from strongroom.fleet.host.schedule.due import DueDates
from strongroom.fleet.host.schedule.loop import StoppableClock
from strongroom.fleet.host.schedule.memory import ScheduleMemory
from strongroom.fleet.host.schedule.runs import RunCodes, ScheduledRun
from strongroom.fleet.host.schedule.terms import schedule_of
from tests.support.repositories import START_NS, ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD, SKIPPED, OVERLAP, INTERRUPTED = frozenset({0}), 78, 79, 130
BERLIN = ZoneInfo("Europe/Berlin")
START = START_NS // 1_000_000_000
HOUR, DAY = 3600, 86400
EASY = waiting.MachineSenses(lambda: False, lambda: False, lambda _place: True)


class Machine:
    """A host with one source, a clock that moves as it sleeps, and backups that end as the test says."""

    def __init__(self, folder: Path, words: str = "*-*-* 02:30", **more: Any) -> None:
        table = {"schedule": words, "zone": "Europe/Berlin", "jitter": "0s", **more}
        found = schedule_of("F", "web", table, ("local",), "UTC")
        assert found is not None
        self.schedule, self.folder = found, folder
        self.clock = ManualClock()
        self.codes: list[int] = []
        self.made: list[tuple[int, int]] = []
        """Each attempt: its due date, and when it began."""
        self.said: list[str] = []
        self.senses = EASY
        self.places: list[tuple[str, int]] = []
        self.boot()

    def boot(self) -> None:
        """Begin with what is on disk."""
        self.memory = ScheduleMemory(str(self.folder))
        self.dates = DueDates(self.schedule, self.memory, "machine", GOOD)
        self.run = ScheduledRun(
            self.schedule, self.memory, self.clock, lambda _schedule, due, _following: self.attempt(due),
            RunCodes(GOOD, frozenset({SKIPPED}), OVERLAP), self.said.append, self.places, self.senses,
        )  # fmt: skip

    @property
    def now(self) -> int:
        return START + int(self.clock.seconds)

    def attempt(self, due: int | None) -> int:
        self.made.append((due or 0, self.now))
        self.clock.seconds += 60
        return self.codes.pop(0) if self.codes else 0

    def let_pass(self, seconds: int, *, step: int = 300, reboot: bool = False) -> None:
        """The scheduler's loop for so long."""
        end = self.clock.seconds + seconds
        while self.clock.seconds < end:
            if reboot:
                self.boot()
            due = self.dates.pending(self.now, self.said.append)
            if due is not None:
                self.run.go(due)
            self.clock.seconds += step


@pytest.fixture(autouse=True)
def nobody_sleeps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No inhibitor is started for these runs: its program is in no folder of the search path."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "month", "runs"),
    [("*-*-* 02:30", 10, 10), ("*-*-* 02:30", 3, 9), ("30 2 * * *", 10, 10), ("30 2 * * *", 3, 10)],
)
def test_no_date_is_run_twice_when_the_clocks_change(tmp_path: Path, words: str, month: int, runs: int) -> None:
    """Ten days around each change, with a restart at each look: an hour that comes twice is run once.

    A time that the clocks skip is made up for by cron's rule, and left out by systemd's.
    """
    machine = Machine(tmp_path, words)
    begin = datetime(2026, 10, 20, 12, tzinfo=BERLIN) if month == 10 else datetime(2027, 3, 23, 12, tzinfo=BERLIN)
    machine.clock.seconds = begin.timestamp() - START
    machine.let_pass(10 * DAY, step=1800, reboot=True)
    days = [datetime.fromtimestamp(due, BERLIN).date() for due, _ in machine.made]
    assert len(set(days)) == len(days) == runs
    assert all(0 <= begun - due < 1800 for due, begun in machine.made)


def test_what_was_missed_is_made_up_for_once(tmp_path: Path) -> None:
    """After four days off: one run, for the newest date; the next comes at its own time."""
    machine = Machine(tmp_path)
    machine.let_pass(2 * DAY)
    machine.clock.seconds += 4 * DAY + 5 * HOUR
    machine.boot()
    before = len(machine.made)
    machine.let_pass(2 * HOUR)
    assert len(machine.made) == before + 1
    machine.let_pass(2 * DAY)
    assert len(machine.made) == before + 3


def test_catch_up_can_be_done_without(tmp_path: Path) -> None:
    """Then a missed run is said, and the next one comes at its own time."""
    machine = Machine(tmp_path, catch_up=False)
    machine.let_pass(DAY)
    machine.clock.seconds += 2 * DAY
    before = len(machine.made)
    machine.let_pass(HOUR)
    assert len(machine.made) == before
    assert sum("was missed" in text for text in machine.said) == 1


def test_a_new_host_does_not_catch_up_with_what_was_before_it(tmp_path: Path) -> None:
    """The first run comes at the first date, unless it goes by age: then at once."""
    machine = Machine(tmp_path)
    machine.let_pass(HOUR)
    assert machine.made == []
    by_age = Machine(tmp_path / "other", "every 24h")
    by_age.let_pass(HOUR)
    assert len(by_age.made) == 1


def test_a_failed_run_is_made_again_after_10_30_and_90_minutes(tmp_path: Path) -> None:
    """And no more; the next date begins anew. The first good attempt ends it."""
    machine = Machine(tmp_path)
    machine.codes = [1] * 4
    machine.let_pass(DAY)
    begun = [at for _, at in machine.made]
    assert [second - first for first, second in itertools.pairwise(begun)] == [660, 1860, 5460]
    assert machine.memory.of("web").failures == 4
    machine.codes = [1]
    machine.let_pass(DAY)
    assert len(machine.made) == 6
    assert machine.memory.of("web").failures == 0


def test_a_skipped_run_is_no_failure_and_not_tried_again(tmp_path: Path) -> None:
    """The last good one stays as it was."""
    machine = Machine(tmp_path)
    machine.codes = [SKIPPED]
    machine.let_pass(DAY)
    assert len(machine.made) == 1
    assert machine.memory.of("web").last_good == 0


def test_a_run_that_the_scheduler_ended_is_made_after_the_restart(tmp_path: Path) -> None:
    """A container that is restarted in the middle of a run would have no backup until the next date."""
    machine = Machine(tmp_path)
    machine.let_pass(DAY)
    before, stop = len(machine.made), threading.Event()
    machine.codes = [INTERRUPTED]

    def ended(_schedule: object, due: int | None, _following: object) -> int:
        stop.set()
        return machine.attempt(due)

    machine.run = ScheduledRun(
        machine.schedule, machine.memory, StoppableClock(machine.clock, stop), ended,
        RunCodes(GOOD, frozenset({SKIPPED, INTERRUPTED}), OVERLAP), machine.said.append, (), EASY,
    )  # fmt: skip
    with pytest.raises(Interrupted):
        machine.let_pass(DAY)
    machine.boot()
    machine.let_pass(HOUR)
    due = [one for one, _ in machine.made[before:]]
    assert len(due) == 2
    assert due[0] == due[1]


def test_by_age_a_failure_is_not_tried_at_each_look(tmp_path: Path) -> None:
    """Four attempts, then not before the interval has gone by."""
    machine = Machine(tmp_path, "every 24h")
    machine.codes = [1] * 4
    machine.let_pass(20 * HOUR)
    assert len(machine.made) == 4
    machine.let_pass(10 * HOUR)
    assert len(machine.made) == 5


def test_a_second_run_says_overlap(tmp_path: Path) -> None:
    """And does nothing; the date is still to be done."""
    machine = Machine(tmp_path)
    with machine.memory.alone("web") as ours:
        assert ours
        assert machine.run.go(START) == OVERLAP
    assert machine.made == []
    assert machine.memory.of("web").due_done == 0
    assert "overlap" in machine.said[-1]


@pytest.mark.parametrize("sense", ["battery", "metered", "network"])
def test_a_run_waits_and_begins_all_the_same(tmp_path: Path, sense: str) -> None:
    """For mains and a free link half of late_after at most, for the network 15 minutes; for as long as need be."""
    machine = Machine(tmp_path, late_after="4h")
    longest = 15 * 60 if sense == "network" else 2 * HOUR

    def until(seconds: float) -> Callable[[], bool]:
        return lambda: machine.clock.seconds < seconds

    for needed, waited in ((600, 600), (10 * HOUR, longest)):
        machine.clock.seconds, machine.made = 0.0, []
        wrong = until(needed)
        machine.places = [("backup.example.org", 443)]
        machine.senses = waiting.MachineSenses(
            wrong if sense == "battery" else lambda: False,
            wrong if sense == "metered" else lambda: False,
            (lambda _place, wrong=wrong: not wrong()) if sense == "network" else lambda _place: True,  # type: ignore[misc]
        )
        machine.boot()
        assert machine.run.go(START) == 0
        assert 0 <= machine.made[0][1] - START - waited <= 60
    assert "waited long enough" in machine.said[-1]


@pytest.mark.parametrize(
    ("supplies", "empties"),
    [
        ({}, False),
        ({"AC": {"type": "Mains", "online": "1"}, "BAT0": {"type": "Battery", "status": "Charging"}}, False),
        ({"AC": {"type": "Mains", "online": "0"}, "BAT0": {"type": "Battery", "status": "Discharging"}}, True),
        ({"mouse": {"type": "Battery", "status": "Discharging", "scope": "Device"}}, False),
        ({"AC": {"type": "Mains", "online": "1"}, "BAT0": {"type": "Battery", "status": "Discharging"}}, False),
    ],
)
def test_batteries(tmp_path: Path, supplies: dict[str, dict[str, str]], empties: bool) -> None:
    """A battery that empties without an adapter; a mouse's does not count."""
    for name, values in supplies.items():
        (tmp_path / name).mkdir()
        for key, value in values.items():
            (tmp_path / name / key).write_text(value + "\n")
    assert waiting.on_battery(os.fspath(tmp_path)) is empties


def test_a_broken_memory_is_a_new_one(tmp_path: Path) -> None:
    """Half a file is no reason to stop backing up, nor is a number without end, nor a pipe."""
    memory, path = ScheduleMemory(str(tmp_path)), tmp_path / "schedule" / "web"
    for text in ('{"last_good": 5', '{"last_good": 1e999}'):
        memory.change("web", last_good=5)
        path.write_text(text)
        assert memory.of("web").last_good == 0
    path.unlink()
    os.mkfifo(path)
    assert memory.of("web").last_good == 0
    assert memory.change("web", last_good=7) == memory.of("web")


@pytest.mark.parametrize("words", ["*-*-* 02:30", "every 24h"])
def test_a_clock_that_was_years_ahead_stops_no_backup(words: str, tmp_path: Path) -> None:
    """R-13: what was done while it was wrong lies in the future afterwards, and would be the last for years."""
    machine = Machine(tmp_path, words)
    machine.let_pass(2 * DAY)
    machine.clock.seconds += 10 * 365 * DAY
    machine.let_pass(2 * DAY)
    made = len(machine.made)
    assert machine.made[-1][1] > START + 3650 * DAY
    machine.clock.seconds -= 10 * 365 * DAY
    machine.let_pass(3 * DAY)
    assert len(machine.made) >= made + 2
