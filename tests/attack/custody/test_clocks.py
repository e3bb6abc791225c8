"""The threat catalogue: rows T-1 and T-2, clocks that jump, go back, or differ, as a custodian decides by them."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from strongroom.custody.evidence.clocks import ClockSource, doubt_about, machine_of, own_clock
from strongroom.custody.evidence.web_clocks import WebClocks
from strongroom.custody.evidence.words import clock_words
from strongroom.custody.planned.plans import approve
from tests.support.clock import ManualClock
from tests.support.custody.in_process import DAY, Custody, Host
from tests.support.custody.logged import Logged
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD

ENV = {"RESTIC_PASSWORD": PASSWORD.decode()}
MINUTE = 60 * 10**9


@pytest.fixture
def logged(custody: Custody, host: Host, tmp_path: Path) -> Logged:
    """A custodian who asks clocks, with a plan that is nearly due after days with a backup each."""
    made = Logged(custody, tmp_path, pinned=False)
    custody.asks_clocks = True
    for _ in range(8):
        _day(made, host)
    return made


def _day(logged: Logged, host: Host) -> Any:
    """A day with a backup, a round and what is due; what became of plans."""
    logged.clock.advance(DAY / 2)
    host.backup()
    logged.custody.settle()
    logged.clock.advance(DAY / 2)
    logged.round()
    return logged.custody.hand_over().plans


def _codes(logged: Logged) -> set[str]:
    return {code for code, _ in logged.custody.open_incidents()}


def _restored(logged: Logged, host: Host, restic: Restic, out: Path) -> None:
    """Stock restic restores every honest file of what is listed."""
    listed = logged.custody.names("snapshots")
    for number, name in enumerate(sorted(listed & host.files.keys())):
        where = out / str(number)
        restic.on(logged.custody.place, "restore", name, "--no-lock", "--target", where, env=ENV).expect(0)
        assert {path.name: path.read_bytes() for path in where.iterdir()} == host.files[name]


def test_t_1_with_one_clock_a_person_lets_things_go(logged: Logged, host: Host, restic: Restic, tmp_path: Path) -> None:
    """T-1: where no second machine says what time it is, what is due waits until somebody approves it, once it is due;
    `status` says so, and no incident is open."""
    custody = logged.custody
    before = custody.names("snapshots")
    plans = _day(logged, host)
    waiting = [one for one in plans if "custody plan approve" in "".join(one.waits)]
    assert waiting
    assert (before <= custody.names("snapshots"), _codes(logged)) == (True, set())
    assert "Nothing is lost" in clock_words(custody.state, custody.adopted)
    early = [one for one in plans if "held for" in "".join(one.waits)]
    for one in early:
        approve(custody.state, custody.adopted, one.number, "a test", "too early")
    logged.clock.advance(3 * DAY)
    host.backup()
    logged.round()
    later = {one.number: one for one in custody.hand_over().plans}
    assert not any(one.removed for one in later.values())
    approve(custody.state, custody.adopted, waiting[0].number, "a test", "it is due")
    logged.round()
    went = {one.number: one.removed for one in custody.hand_over().plans}
    assert went[waiting[0].number]
    assert not any(removed for number, removed in went.items() if number != waiting[0].number)
    _restored(logged, host, restic, tmp_path / "out")


def test_t_1_two_machines_must_agree(logged: Logged, host: Host, restic: Restic, tmp_path: Path) -> None:
    """T-1: apart by six minutes nothing goes, and it is an incident; once they agree what is due goes by itself."""
    before = logged.custody.names("snapshots")
    logged.clocks = (ClockSource("the store", "store.example", 6 * MINUTE),)
    plans = _day(logged, host)
    assert (_codes(logged), [one.removed for one in plans if one.removed]) == ({"clocks"}, [])
    assert before <= logged.custody.names("snapshots")
    logged.clocks = (ClockSource("the store", "store.example", 4 * MINUTE),)
    plans = _day(logged, host)
    assert any(one.removed for one in plans)
    assert _codes(logged) == set()
    _restored(logged, host, restic, tmp_path / "out")


def test_t_1_a_clock_that_jumps_within_a_boot(logged: Logged, host: Host, restic: Restic, tmp_path: Path) -> None:
    """T-1: a year's jump changes neither ages nor holds, is an incident and freezes, until another machine says that
    the new time is right."""
    custody = logged.custody
    before = custody.names("snapshots")
    logged.clock.advance(365 * DAY)
    logged.boot_from += 365 * DAY
    outcome = logged.round()
    assert "clock" in _codes(logged)
    assert all(plan.breakers for plan in outcome.plans)
    assert not any(one.removed for one in custody.hand_over().plans)
    assert before <= custody.names("snapshots")
    logged.clocks = (ClockSource("the witness", "witness.example", 0),)
    logged.round()
    assert "clock" not in _codes(logged)
    _restored(logged, host, restic, tmp_path / "out")


def test_t_2_a_clock_that_goes_back(logged: Logged, host: Host, restic: Restic, tmp_path: Path) -> None:
    """T-2: a clock that is a week behind the last round is an incident, nothing goes, and no arrival moves."""
    custody = logged.custody
    before = custody.names("snapshots")
    logged.clock.advance(-7 * DAY)
    logged.boot_from -= 7 * DAY
    logged.round()
    assert "clock" in _codes(logged)
    assert not any(one.removed for one in custody.hand_over().plans)
    assert before <= custody.names("snapshots")
    _restored(logged, host, restic, tmp_path / "out")


@pytest.mark.parametrize(
    ("others", "agreed"),
    [
        ([], False),
        (["localhost", "127.0.0.1", "::1"], False),
        (["127.0.0.77", "0.0.0.0"], False),
        (["gateway.example"], True),
        (["gateway.example", "GATEWAY.example."], True),
    ],
)
def test_t_1_sources_on_one_machine_count_once(others: list[str], agreed: bool) -> None:
    """T-1: a store on this machine is no second clock, however it is spelled."""
    sources = [own_clock(), *(ClockSource(one, machine_of(one), 0) for one in others)]
    assert (doubt_about(sources)[0] == "") == agreed


def test_t_1_an_address_of_this_machine_is_no_second_clock() -> None:
    """T-1: the address that others reach this machine by is this machine, whatever name leads to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        with contextlib.suppress(OSError):  # without a network there are the loopback's own addresses alone
            one.connect(("192.0.2.1", 9))
        address = one.getsockname()[0]
    assert machine_of(address) == machine_of(None)
    assert machine_of("192.0.2.1") == "192.0.2.1"


class SetBack(ManualClock):
    """A clock that somebody sets back."""

    back_ns = 0

    def now_ns(self) -> int:
        """As it was set."""
        return super().now_ns() - self.back_ns


def test_t_1_web_clocks_are_asked_side_by_side_and_once() -> None:
    """T-1: two that answer once both were asked, for two repositories: each is asked once, and what it said counts
    with what passed since."""
    both = threading.Barrier(2, timeout=60)
    asked: list[str] = []

    class Answering(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            both.wait()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        clocks = WebClocks([f"http://127.0.0.1:{server.server_port}/{name}" for name in "ab"])
        clock = SetBack(time.time_ns())
        first = clocks.sources(clock)
        clock.advance(300)
        second = clocks.sources(clock)
        clock.back_ns = 3600 * 10**9
        third = clocks.sources(clock)
        server.shutdown()
        thread.join()
    assert sorted(asked) == ["/a", "/b"]
    assert [one.ahead_ns for one in first] == [one.ahead_ns for one in second]
    assert [one.ahead_ns - 3600 * 10**9 for one in third] == [one.ahead_ns for one in first]
