"""The threat catalogue at the gateway: row T-1, a wall clock that is set far away and back while everything runs.

The gateway's processes, and an operator's commands, read the wall clock with a difference that stands in a file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.base.steady import SETTLE_NS, Steady
from strongroom.database.engine import Database
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import away_from_midnight, until

SECOND = 10**9
DAY = 86_400 * SECOND
WINDOW = 600 * SECOND
SITE = """
import os, time
_real_ns = time.time_ns
def _ahead():
    with open(os.environ["CLOCK_AHEAD"]) as file:
        return int(file.read() or 0)
time.time_ns = lambda: _real_ns() + _ahead()
time.time = lambda: time.time_ns() / 1e9
"""


class Moved:
    """A gateway whose wall clock a test sets."""

    def __init__(self, folder: Path) -> None:
        self._ahead = folder / "ahead"
        self._ahead.write_text("0")
        (folder / "site").mkdir()
        (folder / "site/sitecustomize.py").write_text(SITE)
        variables = {"PYTHONPATH": str(folder / "site"), "CLOCK_AHEAD": str(self._ahead)}
        flags = ("--append-only", "--clock-kept-outside")
        self.gateway = Gateway(folder, flags=flags, variables=variables, users={"x": "y"}, workers=2)

    def set(self, ahead_ns: int) -> None:
        """Set the clock, and wait until the gateway has noticed."""
        before = self.gateway.rows("SELECT offset_ns FROM clock_mark")
        fresh = self._ahead.with_suffix(".new")
        fresh.write_text(str(ahead_ns))
        fresh.replace(self._ahead)
        until(lambda: self.gateway.rows("SELECT offset_ns FROM clock_mark") != before, self.gateway.said, pause=0.1)


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[Moved]:
    made = Moved(tmp_path)
    with made.gateway:
        yield made


def snapshot(gateway: Gateway, number: int, who: str) -> int:
    """The status that another snapshot gets."""
    data = b"snapshot %d" % number
    return gateway.put(f"/web01/snapshots/{name_of(data)}", data, who)


@pytest.mark.parametrize("by", [400 * DAY, -400 * DAY])
def test_t_1_a_clock_that_is_far_away_for_a_while_opens_and_silences_nothing(moved: Moved, by: int) -> None:
    """T-1: with the clock far away and back, no day's quota begins anew, a key window that is opened meanwhile ends
    when it should, one that is open stays as long as it was to, the daily comparison comes in a day, tokens go on."""
    away_from_midnight(120)
    gateway = moved.gateway
    code, token = operate(gateway, "principal", "add", "web01", "--repository", "web01", "--snapshots-per-day", "1")
    assert code == 0, token
    who = f"web01:{token.strip()}"
    gateway.make("web01", who)
    assert snapshot(gateway, 1, who) == 200
    assert snapshot(gateway, 2, who) == 507
    open_before, opened_away = b"a key", b"another key"
    assert operate(gateway, "keys", "open", "web01", "--key", name_of(open_before), "--for", "10m")[0] == 0
    moved.set(by)
    assert snapshot(gateway, 3, who) == 507
    assert gateway.put(f"/web01/keys/{name_of(open_before)}", open_before, who) == 200
    assert operate(gateway, "keys", "open", "web01", "--key", name_of(opened_away), "--for", "10m")[0] == 0
    code, token = operate(gateway, "principal", "rotate", "web01", "--days", "1")
    assert code == 0
    time.sleep(3)  # a look for what is due to be compared
    moved.set(0)
    now = time.time_ns()
    assert snapshot(gateway, 4, who) == 507
    assert [one for (one,) in gateway.rows("SELECT until_ns FROM key_window") if not 0 < one - now < WINDOW] == []
    assert [one for (one,) in gateway.rows("SELECT next_ns FROM comparison") if one > now + 25 * 3600 * SECOND] == []
    assert [one for (one,) in gateway.rows("SELECT created_ns FROM token") if not 0 < now - one < WINDOW] == []
    (expiry,) = [one for (one,) in gateway.rows("SELECT expires_ns FROM token") if one is not None]
    assert 0 < expiry - now < DAY
    assert snapshot(gateway, 5, f"web01:{token.strip()}") == 507
    assert gateway.put(f"/web01/keys/{name_of(opened_away)}", opened_away, who) == 200


def test_t_1_what_a_clock_that_was_ahead_has_written_is_not_believed(moved: Moved) -> None:
    """T-1: a comparison that is due in 400 days and a key window that ends then were written by a wrong clock, as on a
    boot of which nothing is known: the first is made now, the second is shut."""
    gateway = moved.gateway
    gateway.make("web01", "x")
    assert gateway.put(f"/web01/snapshots/{name_of(b'one')}", b"one", "x") == 200
    key = b"a key"
    assert operate(gateway, "keys", "open", "web01", "--key", name_of(key), "--for", "10m")[0] == 0
    database = Database(gateway.file)
    with database.write() as connection:
        ahead = time.time_ns() + 400 * DAY
        connection.execute(sa.text("UPDATE key_window SET until_ns = :ahead"), {"ahead": ahead})
        connection.execute(
            sa.text("INSERT INTO comparison SELECT id, path, :ahead, 0, 0, 0, '' FROM repository"), {"ahead": ahead}
        )
    database.close()
    assert gateway.put(f"/web01/keys/{name_of(key)}", key, "x") == 403
    until(lambda: gateway.rows("SELECT at_ns FROM comparison WHERE at_ns > 0"), gateway.said, pause=0.1)
    assert gateway.rows(f"SELECT next_ns FROM comparison WHERE next_ns > {time.time_ns() + 25 * 3600 * SECOND}") == []


def test_a_step_counts_after_an_hour_and_slewing_at_once() -> None:
    """Steady time follows small differences at once, a step only when it has stood for an hour, and one of ten seconds
    never; what an earlier process believed is believed."""
    boot = 5000 * SECOND
    wall = 1_800_000_000 * SECOND
    steady = Steady(lambda: boot)
    assert steady.now_ns(wall) == wall
    for _ in range(100):  # slewed by half a second each time
        boot, wall = boot + SECOND, wall + 3 * SECOND // 2
        assert steady.now_ns(wall) == wall
    for by in (400 * DAY, -400 * DAY):
        assert steady.now_ns(wall + by) == wall
        boot, wall = boot + 10 * SECOND, wall + 10 * SECOND
        assert steady.now_ns(wall + by) == wall
        assert steady.now_ns(wall) == wall
    believed = steady.offset_ns()
    assert believed is not None
    later = Steady(lambda: boot)
    later.believe(believed)
    for one in (steady, later):
        assert one.now_ns(wall + DAY) == wall
    boot, wall = boot + SETTLE_NS - SECOND, wall + SETTLE_NS - SECOND
    assert steady.now_ns(wall + DAY) == wall
    boot, wall = boot + 2 * SECOND, wall + 2 * SECOND
    assert steady.now_ns(wall + DAY) == wall + DAY
