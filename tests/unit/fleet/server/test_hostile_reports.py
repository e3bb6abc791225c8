"""R-13: what a host in wrong hands says of itself costs it the trust of the server, and nobody else anything."""

from __future__ import annotations

import itertools
from concurrent.futures import wait

import pytest
import sqlalchemy as sa

from strongroom.base.errors import Refused
from strongroom.base.record import replace
from strongroom.fleet.protocol.enrolment import parse_enrol_answer
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.protocol.statement import STATEMENT, StatedRepository, Statement
from strongroom.fleet.server.alerting.machine import Said
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from strongroom.fleet.server.intake import ReportIntake, take_report
from strongroom.fleet.server.joining import begin
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.operating import believe
from strongroom.fleet.server.report_batch import MOST_GAPS
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.watches import MOST_WATCHES
from tests.support.fleet.hosts import DAILY, FleetHost, key_of
from tests.support.fleet.server import ServerInProcess


def deliver(server: ServerInProcess, message: SignedMessage) -> None:
    """Take one report in."""
    with server.state.database.write() as connection:
        take_report(connection, message, server.now)


def backed_up(server: ServerInProcess) -> tuple[FleetHost, int]:
    """A host with a backup of last night, and when its next one is late."""
    host = server.join(FleetHost("web01"))
    server.until("2027-02-02T02:10")
    server.take(host)
    late = server.watch("web01").late
    assert late is not None
    return host, late


def calendar_of(server: ServerInProcess) -> tuple[str, int]:
    """The words and the jitter that the server goes by for its one watch."""
    with server.state.database.read() as connection:
        row = connection.execute(sa.select(schema.watch.c.calendar, schema.watch.c.jitter)).one()
    return row.calendar, row.jitter


@pytest.mark.parametrize(
    ("grammar", "calendar", "zone", "jitter"),
    [
        ("oncalendar", "*-*-* 02:00:00", "Europe/Berlin", 300 * 86400),
        ("every", "400d", "UTC", 0),
        ("oncalendar", "Sat *-*-* 02:00:00", "Europe/Berlin", 1800),
        ("oncalendar", "2027-02..03-* 02:00:00", "Europe/Berlin", 1800),
        ("oncalendar", "*-*-25..31,01..10 02:00:00", "Europe/Berlin", 1800),
        ("cron", "0 2 1-12,27-31 * *", "Europe/Berlin", 1800),
        ("cron", "0 2 1 1 *", "Europe/Berlin", 1800),
        ("oncalendar", "no words of a calendar", "Europe/Berlin", 1800),
        ("oncalendar", "*-*-* 02:00:00", "No/Where", 1800),
    ],
)
def test_a_rarer_schedule_moves_no_deadline_until_an_operator_says_so(
    server: ServerInProcess, grammar: str, calendar: str, zone: str, jitter: int
) -> None:
    """R-13: a host that names a rarer schedule, or one without sense, is late when it was to be, and suspicious."""
    host, late = backed_up(server)
    host.schedules = (replace(DAILY, grammar=grammar, calendar=calendar, zone=zone, jitter=jitter),)
    deliver(server, host.report(server.now))
    assert server.watch("web01").late == late
    assert [(one.alert.kind, one.alert.subject) for one in server.turn()] == [("longer", "web01")]
    assert server.watch("web01").judgement.state is WatchState.SUSPICIOUS
    assert believe(server.state, "web01") == 1
    assert calendar_of(server) == (calendar, jitter)
    deliver(server, host.report(server.now))
    assert server.watch("web01").judgement.state is WatchState.OK


@pytest.mark.parametrize("calendar", ["*-*-* 05:00:00", "*-*-* 02:30:00", "*-*-* 00/6:00:00", "*-*-* *:00:00"])
def test_another_hour_or_more_dates_are_nothing_to_look_at(server: ServerInProcess, calendar: str) -> None:
    """R-13: also where a change of the clock skips one date a year, before or after."""
    host, _ = backed_up(server)
    for words in ("*-*-* 04:00:00", calendar):
        host.schedules = (replace(DAILY, calendar=words),)
        deliver(server, host.report(server.now))
        assert calendar_of(server) == (words, DAILY.jitter)
    assert server.watch("web01").judgement.state is WatchState.OK


def test_an_operator_takes_over_no_schedule_but_the_one_that_was_told(server: ServerInProcess) -> None:
    """R-13: a host that names a rarer one still, while somebody looks at the first, is not believed for it."""
    host, late = backed_up(server)
    for calendar in ("48h", "9000h"):
        host.schedules = (replace(DAILY, grammar="every", calendar=calendar),)
        deliver(server, host.report(server.now))
    with pytest.raises(Refused, match="every 9000h"):
        believe(server.state, "web01")
    assert server.watch("web01").late == late
    assert "every 9000h" in server.standing().wrong[0].words
    assert believe(server.state, "web01") == 1
    assert calendar_of(server)[0] == "9000h"


def test_no_retry_is_waited_for_that_no_host_makes(server: ServerInProcess) -> None:
    """R-13: a run that failed is an alarm some hours later, whenever the host says that it tries again."""
    host, _ = backed_up(server)
    server.take(host, code=1, retry_at=server.now + 10 * 365 * 86400)
    assert server.turn() == []
    server.clock.advance(4 * 3600)
    assert [one.alert.kind for one in server.turn()] == ["failed"]


def test_what_a_report_names_twice_counts_once(server: ServerInProcess) -> None:
    """R-13: nor does it refuse anything."""
    host = server.join(FleetHost("web01"))
    twice = replace(DAILY, source="etc", repositories=("offsite", "offsite"))
    host.schedules = (DAILY, DAILY, twice, twice)
    deliver(server, host.report(server.now))
    assert len(server.standing().watches) == 2


@pytest.mark.parametrize(
    ("grammar", "calendar", "zone"),
    [
        ("oncalendar", "*-*-* 05:30:00", "Europe/Berlin"),
        ("oncalendar", "*-*-* 02:00:00", "America/New_York"),
        ("cron", "0 4 * * *", "UTC"),
        ("every", "24h", "UTC"),
        ("oncalendar", "hourly", "UTC"),
    ],
)
def test_another_hour_is_no_rarer_schedule(server: ServerInProcess, grammar: str, calendar: str, zone: str) -> None:
    """R-13: who backs up as often as before, or more often, is asked nothing."""
    host, _ = backed_up(server)
    host.schedules = (replace(DAILY, grammar=grammar, calendar=calendar, zone=zone),)
    deliver(server, host.report(server.now))
    assert server.turn() == []
    assert calendar_of(server)[0] == calendar


def test_a_report_with_any_number_refuses_nobody_elses(server: ServerInProcess) -> None:
    """R-13: reports are written many at once; one of a time beyond all columns is no reason to refuse the rest."""
    hosts = [server.join(FleetHost(name)) for name in ("web01", "web02", "web03")]
    messages = [host.report(server.now, host.run(server.now)) for host in hosts]
    messages.insert(1, hosts[0].report((1 << 63) - 1))
    intake = ReportIntake(server.state)
    futures = [intake.submit(one) for one in messages]
    intake.close()
    wait(futures)
    assert [one.exception() for one in futures] == [None] * 4
    assert {one.judgement.state for one in server.standing().watches} == {WatchState.OK}


def test_a_machine_that_was_set_back_is_believed_again(server: ServerInProcess) -> None:
    """R-13: from an old copy of its disk it forks its chain; once an operator has looked it goes on from there."""
    host = server.join(FleetHost("web01"))
    server.take(host)
    copy = host.copy()
    for _ in range(3):
        server.clock.advance(3600)
        server.take(host)
    server.clock.advance(3600)
    server.take(copy)
    assert [one.alert.kind for one in server.turn()] == ["cloned"]
    believe(server.state, "web01")
    for _ in range(5):
        server.clock.advance(3600)
        server.take(copy)
        assert [one.alert.kind for one in server.turn() if one.said is Said.OPENED] == []
    assert server.watch("web01").last_good == server.now
    server.take(host)
    assert [one.alert.kind for one in server.turn()] == ["cloned"]


def test_holes_that_a_host_punches_stay_few(server: ServerInProcess) -> None:
    """R-13: all reports wait for one writer, so what a host says of reports that are missing has its bounds."""
    host = server.join(FleetHost("web01"))
    host.sequence = 10**6
    deliver(server, host.report(server.now))
    for first in range(1000, 4000, 1000):
        deliver(server, host.report(server.now, None, tuple((first + at, first + at) for at in range(0, 400, 2))))
    with server.state.database.read() as connection:
        rows = connection.execute(sa.select(schema.gap).order_by(schema.gap.c.first)).all()
    assert len(rows) == MOST_GAPS
    assert (rows[0].first, rows[-1].last) == (1, 10**6)
    assert all(one.last < two.first for one, two in itertools.pairwise(rows))


def test_a_host_names_no_more_than_one_report_has_room_for(server: ServerInProcess) -> None:
    """R-13: watches stay when they are no longer named, and new names in each report would fill the server."""
    host = server.join(FleetHost("web01"))
    repositories = tuple(f"r{number}" for number in range(16))
    for turn in range(2):
        names = (f"s{turn}-{number}" for number in range(64))
        host.schedules = tuple(replace(DAILY, source=name, repositories=repositories) for name in names)
        deliver(server, host.report(server.now))
    assert len(server.standing().watches) == MOST_WATCHES
    assert [one.alert.kind for one in server.turn()] == ["many"]


def test_one_host_too_many_for_a_token_accuses_none_that_has_joined(server: ServerInProcess) -> None:
    """R-13: a token for two is shown by two keys; a third waits, and the first is no thief's victim for it."""
    token = server.invite("web*", uses=2)
    for name in ("web01", "web02"):
        begin(server.state, FleetHost(name).begin(token))
    third = FleetHost("web03").begin(token)
    assert parse_enrol_answer(begin(server.state, third), third, token.ticket.proof_key).pending


def test_a_new_source_is_no_way_around_the_custodian(server: ServerInProcess) -> None:
    """R-13: a source that a host names later, in a repository that is in care, and whose ID its reports leave out."""
    host = server.join(FleetHost("web01"))
    custodian = key_of("custodian")
    trust_custodian(server.state, custodian.public, "card")
    about = StatedRepository(host.repository_id, "web01", "well", server.now, None, True, 0, (), ())
    take_statement(server.state, custodian.sign(STATEMENT, Statement(1, server.now, (about,)).to_document()))
    host.schedules = (replace(DAILY, source="extra"), DAILY)
    host.repository_id = ""
    server.take(host)
    (extra,) = [one for one in server.standing().watches if one.source == "extra"]
    assert extra.last_good is None
