"""Do reports, statements and the messages of joining come through as they were meant, and do chains show forks?"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.base.record import replace
from strongroom.fleet.protocol.chain import EMPTY, FIRST, ChainHead, Link, link_of, missing_after, undeclared
from strongroom.fleet.protocol.enrolment import (
    CustodyOpened,
    EnrolAnswer,
    EnrolBegin,
    EnrolDone,
    EnrolledRepository,
    GatewayAccess,
    check_begin,
    parse_begin,
    parse_done,
    parse_enrol_answer,
    parse_opened,
)
from strongroom.fleet.protocol.gateway_claim import make_claim, new_tokens
from strongroom.fleet.protocol.report import (
    MOST_LOG,
    REPORT,
    HostReport,
    JobRequest,
    ReportAnswer,
    RunOutcome,
    RunReport,
    WatchTerms,
    parse_answer,
    parse_report,
)
from strongroom.fleet.protocol.schedule_terms import ScheduleTerms
from strongroom.fleet.protocol.signed import MOST_BODY, Forged, KeyPair, SignedMessage
from strongroom.fleet.protocol.statement import (
    STATEMENT,
    StatedIncident,
    StatedRepository,
    StatedSnapshot,
    Statement,
    parse_statement,
)

HOST, OTHER = KeyPair(b"\1" * 32), KeyPair(b"\2" * 32)
SCHEDULE = ScheduleTerms("home", ("local", "offsite"), "cron", "0 2 * * *", "Europe/Berlin", 1800, 135000, True)
OUTCOME = RunOutcome("offsite", "cd" * 32, "ef" * 32, 0, (5, 1, 1, 900, 90))
RUN = RunReport("ab" * 16, "home", 1000, 1010, 1100, 0, (OUTCOME,), None, (), "x")


def _report(sequence: int = 1, previous: str = FIRST, at: int = 1100) -> HostReport:
    return HostReport("run", HOST.id, "12" * 16, sequence, previous, at, -3, {"strongroom": "0.2"}, (SCHEDULE,), RUN)


def test_a_report_comes_through() -> None:
    """What was put in is read; a field that this version does not know disturbs nothing and stays in the bytes."""
    report = replace(_report(), dropped=((4, 7),))
    assert parse_report(HOST.sign(REPORT, report.to_document())) == report
    newer = HOST.sign(REPORT, report.to_document() | {"mood": "fine"})
    assert parse_report(newer) == report and b"mood" in newer.body


@settings(max_examples=25)
@given(st.binary(max_size=100), st.integers(1, 2000), st.text(max_size=20), st.integers(1, 100))
def test_any_log_and_paths_fit_into_a_report(log: bytes, times: int, path: str, often: int) -> None:
    """A run may print what it likes: its report can be sent and read."""
    text = log.decode("utf-8", "replace") * times
    paths = [path * often] * 30
    run = replace(RUN, log=text, paths=tuple(one.encode("utf-8", "replace").decode() for one in paths))
    message = HOST.sign(REPORT, replace(_report(), run=run).to_document())
    found = parse_report(message).run
    assert found is not None and len(found.log.encode()) <= MOST_LOG and len(message.body) <= MOST_BODY


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 0},
        {"sequence": "1"},
        {"kind": "gossip"},
        {"previous": "0" * 63},
        {"schedules": [{}]},
        {"run": []},
        {"dropped": [[1]]},
        {"versions": {"a": 1}},
        {"host": "A" * 32},
    ],
)
def test_reports_with_wrong_fields_are_refused(change: dict[str, object]) -> None:
    """Each field has its form."""
    with pytest.raises(Damaged):
        parse_report(HOST.sign(REPORT, _report().to_document() | change))


def test_a_report_with_too_many_schedules_is_refused() -> None:
    """A host cannot make the server keep a watch for each second."""
    many = [SCHEDULE.to_document()] * 65
    with pytest.raises(LimitExceeded):
        parse_report(HOST.sign(REPORT, _report().to_document() | {"schedules": many}))


@dataclass
class _Host:
    """A machine with a host's key: its last number and hash."""

    sequence: int = 0
    previous: str = FIRST
    sent: list[tuple[HostReport, str]] = field(default_factory=list)

    def report(self, at: int) -> tuple[HostReport, str]:
        report = _report(self.sequence + 1, self.previous, at)
        message: SignedMessage = HOST.sign(REPORT, report.to_document())
        self.sequence, self.previous = report.sequence, message.sha256
        self.sent.append((report, message.sha256))
        return report, message.sha256


@given(st.lists(st.booleans(), max_size=12), st.lists(st.integers(0, 1), max_size=12))
def test_one_key_on_two_machines_always_forks(before: list[bool], order: list[int]) -> None:
    """As soon as both copies of a machine have reported, in whatever order, one report is a fork; before, none is."""
    machine, head, known = _Host(), EMPTY, dict[int, str]()
    at = 0
    for repeated in before:
        at += 1
        report, sha256 = machine.report(at)
        assert link_of(head, report, sha256, known.get(report.sequence)) is Link.NEXT
        head, known[report.sequence] = ChainHead(report.sequence, sha256), sha256
        if repeated:
            assert link_of(head, report, sha256, known.get(report.sequence)) is Link.REPEATED
    copies = [_Host(machine.sequence, machine.previous), _Host(machine.sequence, machine.previous)]
    reported, links = set[int](), []
    for which in order:
        at += 1
        report, sha256 = copies[which].report(at)
        link = link_of(head, report, sha256, known.get(report.sequence))
        links.append(link)
        reported.add(which)
        if link is Link.NEXT:
            head, known[report.sequence] = ChainHead(report.sequence, sha256), sha256
    assert (Link.FORK in links) == (len(reported) == 2)


def test_gaps_are_seen_until_the_host_has_said_what_it_dropped() -> None:
    """What was dropped for want of room is said; the rest somebody kept from us."""
    head = ChainHead(3, "ab" * 32)
    later = _report(9, "cd" * 32)
    assert link_of(head, later, "ee" * 32, None) is Link.GAP
    assert missing_after(head, later) == (4, 8)
    assert missing_after(head, _report(4, "ab" * 32)) is None
    assert link_of(head, _report(2), "ee" * 32, None) is Link.OLD
    assert undeclared([(4, 8)], ((5, 6),)) == [(4, 4), (7, 8)]
    assert undeclared([(4, 8)], ((1, 4), (7, 20))) == [(5, 6)]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), max_size=5),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), max_size=5),
)
def test_what_is_left_of_gaps_is_what_sets_say(gaps: list[tuple[int, int]], dropped: list[tuple[int, int]]) -> None:
    """The arithmetic of ranges is that of the sets that they stand for."""

    def numbers(pairs: list[tuple[int, int]]) -> set[int]:
        return {one for first, last in pairs for one in range(first, last + 1)}

    gaps, dropped = ([(first, first + size) for first, size in pairs] for pairs in (gaps, dropped))
    assert numbers(undeclared(gaps, tuple(dropped))) == numbers(gaps) - numbers(dropped)


def test_joining_proves_both_sides() -> None:
    """Host and server each show that they know the ticket's secret; whoever does not is refused."""
    begin = EnrolBegin("00" * 8, HOST.public, "web01", "0.2", make_claim(HOST, "web01", new_tokens(), keep=False))
    message = begin.signed(HOST, b"k" * 32)
    found, proof = parse_begin(message)
    assert found == begin
    check_begin(found, proof, b"k" * 32)
    with pytest.raises(Forged):
        check_begin(found, proof, b"K" * 32)
    answer = EnrolAnswer(HOST.id, "web01", "server", False, (GatewayAccess("https://b/", "web01", "hosts/web01"),), 5)
    data = answer.to_bytes(message, b"k" * 32)
    assert parse_enrol_answer(data, message, b"k" * 32) == answer
    assert "srg1_secret" not in repr(replace(answer.gateways[0], token="srg1_secret"))
    another = replace(begin, name="web02").signed(HOST, b"k" * 32)
    for body, request, key in (
        (data, message, b"K" * 32),
        (data, another, b"k" * 32),
        (data.replace(b"https://b/", b"https://c/"), message, b"k" * 32),
    ):
        with pytest.raises(Forged):
            parse_enrol_answer(body, request, key)


def test_nobody_joins_with_a_key_that_he_does_not_have() -> None:
    """The request to join is signed by the key that it names."""
    stolen = EnrolBegin("00" * 8, OTHER.public, "web01", "0.2").signed(HOST, b"k" * 32)
    with pytest.raises(Forged):
        parse_begin(stolen)


def test_the_end_of_joining_comes_through() -> None:
    """What the host made, and the custodian's word that it opens."""
    made = EnrolledRepository("offsite", "rest:https://b/hosts/web01/", "ab" * 32, ("cd" * 32, "ef" * 32), "12" * 32)
    done = EnrolDone(HOST.id, (made,), (SCHEDULE,))
    assert parse_done(done.signed(HOST)) == done
    opened = CustodyOpened(HOST.id, "ab" * 32, ("cd" * 32, "ef" * 32), 77)
    assert parse_opened(OTHER.sign("enrol-opened", opened.to_document())) == opened


def test_answers_and_statements_come_through() -> None:
    """The server's terms and wishes, the custodian's verdicts and incidents."""
    wish = JobRequest("ab" * 8, "run", "home")
    answer = ReportAnswer(5, 1000, (WatchTerms("home", 3600, 0),), (wish,))
    assert parse_answer(answer.to_bytes()) == answer
    with pytest.raises(LimitExceeded):
        parse_answer(replace(answer, requests=(wish, wish)).to_bytes())
    snapshot = StatedSnapshot("ab" * 32, "web01 /home", 1000, 990, "good")
    repository = StatedRepository(
        "cd" * 32, "offsite", "well", 2000, None, False, 0, (snapshot,), (StatedIncident(1, "missing", 5, "gone"),)
    )
    statement = Statement(3, 2000, (repository,))
    assert parse_statement(OTHER.sign(STATEMENT, statement.to_document())) == statement
