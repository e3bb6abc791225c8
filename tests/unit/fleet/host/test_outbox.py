"""Reports wait for a server that is away, go out in order, and never less than was said of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Damaged, Refused, StrongroomError, Unavailable
from strongroom.fleet.host.reporting import outbox as outboxes
from strongroom.fleet.host.reporting.outbox import Outbox, merged
from strongroom.fleet.host.reporting.sending import FIRST_PAUSE, LONGEST_PAUSE, send_all
from strongroom.fleet.host.reporting.server import FleetServer
from strongroom.fleet.protocol.chain import FIRST, ChainHead, Link, link_of
from strongroom.fleet.protocol.report import REPORT, HostReport, ReportAnswer, parse_report
from strongroom.fleet.protocol.signed import KeyPair, SignedMessage
from tests.support.repositories import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

KEY = KeyPair(bytes(32))


class Server:
    """A server that keeps what it takes, or is away, or refuses one."""

    def __init__(self) -> None:
        self.taken: list[HostReport] = []
        self.heads: list[ChainHead] = [ChainHead(0, FIRST)]
        self.links: list[Link] = []
        self.trouble: dict[int, StrongroomError] = {}
        self.away = False
        self.asked = 0
        self.in_its_place = b""

    def post(self, message: SignedMessage) -> bytes:
        self.asked += 1
        if self.away:
            raise Unavailable("the server does not answer")
        if self.in_its_place:
            return self.in_its_place
        message.verify(REPORT, KEY.public)
        report = parse_report(message)
        if report.sequence in self.trouble:
            raise self.trouble[report.sequence]
        self.links.append(link_of(self.heads[-1], report, message.sha256, None))
        self.heads.append(ChainHead(report.sequence, message.sha256))
        self.taken.append(report)
        return ReportAnswer(report.sequence, report.at, (), ()).to_bytes()


class Host:
    """An outbox with a clock."""

    def __init__(self, folder: Path) -> None:
        self.outbox, self.clock, self.server = Outbox(os.fspath(folder)), ManualClock(), Server()

    def report(self, *, good: bool = True) -> None:
        with self.outbox.alone() as state:

            def make(sequence: int, previous: str) -> SignedMessage:
                dropped = tuple((first, last) for first, last in state.dropped)
                at = self.clock.now_ns() // 10**9
                body = HostReport("hourly", KEY.id, "0" * 32, sequence, previous, at, None, {}, (), None, dropped)
                return KEY.sign(REPORT, body.to_document())

            self.outbox.add(state, make, good=good)

    def send(self, *, at_once: bool = False) -> tuple[int, int]:
        found = send_all(self.outbox, self.server.post, self.clock, at_once=at_once)
        return found.sent, found.waiting


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that has reported nothing yet."""
    return Host(tmp_path)


def test_what_waited_comes_in_order_and_in_one_chain(host: Host) -> None:
    """A server that was away for a day gets every report, each naming the one before."""
    host.server.away = True
    for _ in range(24):
        host.report()
        host.send()
        host.clock.seconds += 3600
    host.server.away = False
    assert host.send() == (24, 0)
    assert [one.sequence for one in host.server.taken] == list(range(1, 25))
    assert set(host.server.links) == {Link.NEXT}


def test_a_server_that_is_away_is_asked_less_and_less_often(host: Host) -> None:
    """After a minute, two, four, up to an hour; a success begins anew, and a person may ask at once."""
    host.server.away = True
    host.report()
    host.send()
    pauses: list[float] = []
    for _ in range(9):
        before = host.clock.seconds
        while host.server.asked == len(pauses) + 1:
            host.clock.seconds += 30
            host.send()
        pauses.append(host.clock.seconds - before)
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE
    host.server.away = False
    assert host.send() == (0, 1)
    assert host.send(at_once=True) == (1, 0)


def test_a_refusal_is_not_a_server_that_is_away(host: Host) -> None:
    """What waits for a server that is away is no failure of the host; what the server refuses is."""
    host.report()
    host.server.away = True
    found = send_all(host.outbox, host.server.post, host.clock, at_once=True)
    assert (found.waiting, found.away) == (1, True)
    host.server.away, host.server.trouble = False, {1: Refused("this host was revoked")}
    found = send_all(host.outbox, host.server.post, host.clock, at_once=True)
    assert (found.waiting, found.away) == (1, False)


def test_a_clock_that_was_years_ahead_keeps_no_report_back(host: Host) -> None:
    """R-13: "not before then" was said by a clock that has been set since."""
    host.clock.seconds += 10 * 365 * 86400
    host.server.away = True
    host.report()
    host.send()
    host.clock.seconds -= 10 * 365 * 86400
    host.server.away = False
    assert host.send() == (1, 0)


def test_successes_make_room_and_failures_stay(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest good ones go, and every later report says which; for the server no gap is left."""
    monkeypatch.setattr(outboxes, "MOST", 6)
    host.server.away = True
    for number in range(1, 13):
        host.report(good=number % 3 != 0)
    assert [one.sequence for one in host.outbox.waiting()] == [3, 6, 9, 10, 11, 12]
    host.server.away = False
    host.report(good=False)
    host.send(at_once=True)
    named = {number for one in host.server.taken for first, last in one.dropped for number in range(first, last + 1)}
    came = {one.sequence for one in host.server.taken}
    assert named | came == set(range(1, 14))
    assert not named & came
    assert host.outbox.state().dropped == []


def test_the_outbox_is_bounded_in_bytes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large reports make room earlier."""
    host.report()
    size = host.outbox.waiting()[0].size
    monkeypatch.setattr(outboxes, "MOST_BYTES", outboxes.ROOM + 4 * size + size // 2)
    for _ in range(9):
        host.report()
    assert len(host.outbox.waiting()) == 5


def test_a_report_that_nobody_can_read_holds_up_no_other(host: Host) -> None:
    """It is dropped and declared; a refusal of the host itself stops the sending, and keeps all."""
    for _ in range(3):
        host.report()
    host.server.trouble = {2: Damaged("too long")}
    assert host.send() == (2, 0)
    assert host.outbox.state().dropped == [[2, 2]]
    host.report()
    host.send()
    assert host.server.taken[-1].dropped == ((2, 2),)
    assert host.outbox.state().dropped == []
    host.server.trouble = {5: Refused("this host was revoked")}
    host.report()
    assert host.send() == (0, 1)
    assert "revoked" in host.outbox.state().trouble


def test_an_answer_that_nobody_can_read_costs_no_report(host: Host) -> None:
    """Something before the server says 200 to everything: the report may not be there, and is sent again."""
    host.report(good=False)
    host.server.in_its_place = b"<html>All is well</html>"
    assert host.send() == (0, 1)
    host.server.in_its_place = b""
    assert host.send(at_once=True) == (1, 0)
    assert host.outbox.state().dropped == []


def test_who_answers_in_the_servers_place_refuses_no_report() -> None:
    """Only the server's own words say that a report cannot be read; a proxy's page is a server that is away."""
    server = FleetServer("https://fleet.example.org")
    assert isinstance(server._refusal(400, b"<html>400 Bad Request</html>"), Unavailable)
    assert isinstance(server._refusal(400, b'{"title": "the report is damaged"}'), Damaged)


def test_a_kill_between_report_and_chain_makes_the_number_once_more(host: Host, tmp_path: Path) -> None:
    """The chain on disk decides: a report that it does not know yet is made anew, and the server sees one of them."""
    host.report()
    kept = (tmp_path / "chain.json").read_bytes()
    host.report()
    (tmp_path / "chain.json").write_bytes(kept)
    host.report()
    assert host.send() == (2, 0)
    assert host.server.links == [Link.NEXT, Link.NEXT]


def test_a_chain_that_cannot_be_read_is_no_new_one(host: Host, tmp_path: Path) -> None:
    """Beginning anew would look like a second machine with the same key."""
    host.report()
    (tmp_path / "chain.json").write_text("{")
    with pytest.raises(Damaged, match="chain of reports"):
        host.report()


def test_ranges_that_touch_are_one() -> None:
    """In whatever order they came."""
    assert merged([[7, 8], [1, 2], [3, 5], [9, 9]]) == [[1, 5], [7, 9]]
