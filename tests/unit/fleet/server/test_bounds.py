"""R-13: neither a host with a valid key nor a stranger slows the server down, fills it, or speaks for another."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from strongroom.base.record import replace
from strongroom.fleet.protocol.enrolment import EnrolDone, EnrolledRepository
from strongroom.fleet.protocol.statement import STATEMENT, StatedRepository, StatedSnapshot, Statement
from strongroom.fleet.server import pruning, report_batch
from strongroom.fleet.server.app import FleetApp
from strongroom.fleet.server.door import limits
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from strongroom.fleet.server.intake import take_report
from strongroom.fleet.server.joining import begin
from strongroom.fleet.server.operating import believe, revoke
from strongroom.fleet.server.pruning import prune
from strongroom.fleet.server.schemas import alerting
from strongroom.fleet.server.schemas import main as schema
from tests.support.fleet.asgi import ask
from tests.support.fleet.hosts import DAILY, FleetHost, key_of
from tests.support.fleet.server import ServerInProcess
from tests.support.waiting import PATIENCE

DAY = 86400
BEGIN, DONE, OPENED = (f"/fleet/v1/enrol/{step}" for step in ("begin", "done", "opened"))
REPORTS, STATEMENTS = "/fleet/v1/reports", "/custodian/v1/statements"


@pytest.fixture
def app(server: ServerInProcess) -> Iterator[FleetApp]:
    """The application over the server's state."""
    made = FleetApp(server.state)
    yield made
    made.close()


def reports_of(server: ServerInProcess, host: FleetHost) -> list[tuple[int, str]]:
    """The numbers and kinds of those that are kept; their bytes are what the host's row says."""
    table = schema.report
    with server.state.database.read() as connection:
        rows = connection.execute(sa.select(table).where(table.c.host == host.pair.id).order_by(table.c.sequence)).all()
        kept = connection.execute(sa.select(schema.host.c.kept).where(schema.host.c.id == host.pair.id)).scalar()
    assert kept == sum(len(row.message) for row in rows)
    return [(row.sequence, row.kind) for row in rows]


def test_hourly_reports_go_after_two_weeks_and_runs_after_a_year(server: ServerInProcess, app: FleetApp) -> None:
    """In batches; the newest of a host stays, so that its next one fits and an operator can believe it."""
    host = server.join(FleetHost("web01"))
    for at in range(4):
        assert ask(app.starlette, REPORTS, host.report(server.now + at).to_bytes()).status == 200
    server.take(host)
    ask(app.starlette, REPORTS, host.report(server.now).to_bytes())
    server.clock.advance(15 * DAY)
    assert prune(server.state, server.now) == 4
    assert reports_of(server, host) == [(5, "run"), (6, "hourly")]
    server.clock.advance(400 * DAY)
    assert prune(server.state, server.now) >= 1
    assert reports_of(server, host) == [(6, "hourly")]
    ask(app.starlette, REPORTS, host.report(server.now).to_bytes())
    assert server.watch("web01").judgement.conditions[0].kind == "late"


def test_a_host_fills_no_more_than_its_share(server: ServerInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-13: the oldest of its reports go, and nobody else's."""
    monkeypatch.setattr(pruning, "MOST_KEPT", 5000)
    monkeypatch.setattr(pruning, "BATCH", 3)
    loud, quiet = server.join(FleetHost("web01")), server.join(FleetHost("web02"))
    server.take(quiet)
    for _ in range(12):
        server.take(loud)
    while prune(server.state, server.now):
        pass
    kept = [number for number, _ in reports_of(server, loud)]
    assert 0 < len(kept) < 12 and kept == list(range(13 - len(kept), 13))
    assert len(reports_of(server, quiet)) == 1


def test_what_was_said_goes_and_its_numbers_do_not_come_again(server: ServerInProcess) -> None:
    """A channel goes by the number of the last notice: one that came twice would never be said."""
    server.join(FleetHost("web01"))
    server.clock.advance(5 * DAY)
    server.turn()
    server.clock.advance(100 * DAY)
    assert prune(server.state, server.now) >= 1  # the token
    with server.state.database.read() as connection:
        first = connection.execute(sa.select(alerting.notice.c.number)).scalars().all()
    server.turn()  # a reminder
    prune(server.state, server.now)
    with server.state.database.read() as connection:
        numbers = connection.execute(sa.select(alerting.notice.c.number)).scalars().all()
    assert min(numbers) > max(first)


def test_a_host_that_sends_too_much_waits_and_others_do_not(
    server: ServerInProcess, app: FleetApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-13: 429 says when to come again; forged reports in its name use up nothing of its share."""
    monkeypatch.setattr(limits, "REPORTS", 3)
    loud, quiet = server.join(FleetHost("web01")), server.join(FleetHost("web02"))
    monkeypatch.setattr(limits._HostAllowances, "__init__", _few)
    forged = loud.copy().report(server.now).to_bytes().replace(b'"at":', b'"at":1')
    assert [ask(app.starlette, REPORTS, forged).status for _ in range(5)] == [403] * 5
    replies = [ask(app.starlette, REPORTS, loud.report(server.now).to_bytes()) for _ in range(5)]
    assert [one.status for one in replies] == [200] * 3 + [429] * 2
    assert replies[-1].headers["retry-after"] == "30"
    assert ask(app.starlette, REPORTS, quiet.report(server.now).to_bytes()).status == 200
    server.clock.advance(60)
    assert ask(app.starlette, REPORTS, loud.report(server.now).to_bytes()).status == 200


def _few(self: limits._HostAllowances) -> None:
    self.reports = limits.Allowance(3, 600, 3, 0)
    self.bytes = limits.Allowance(limits.BYTES, limits.BYTES_HOURLY, limits.BYTES, 0)
    self.calendars = limits.Allowance(4, 1, 4, 0)
    self.blocked_until = 0


def test_schedules_that_change_all_the_time_are_not_reckoned(
    server: ServerInProcess, app: FleetApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-13: each new calendar costs time that belongs to all."""
    host = server.join(FleetHost("web01"))
    monkeypatch.setattr(limits._HostAllowances, "__init__", _few)
    found = []
    for first in range(0, 6, 2):
        words = [f"*-*-* 03:{minute:02}:00" for minute in (first, first + 1)]
        host.schedules = tuple(replace(DAILY, source=f"s{word[-5:-3]}", calendar=word) for word in words)
        found.append(ask(app.starlette, REPORTS, host.report(server.now).to_bytes()).status)
    assert found == [200, 200, 429]


def test_holes_in_many_reports_stay_few(server: ServerInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-13: each report that leaves a number out is a row, up to a bound."""
    monkeypatch.setattr(report_batch, "MOST_GAPS", 4)
    host = server.join(FleetHost("web01"))
    for _ in range(9):
        host.sequence += 1
        server.take(host)
    with server.state.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.gap)).scalar() == 4


def test_strangers_make_nobody_wait_for_a_transaction(server: ServerInProcess, app: FleetApp) -> None:
    """R-13: while somebody writes, each of their messages is refused all the same; only its first line was read."""
    host, stranger = server.join(FleetHost("web01")), FleetHost("stranger")
    about = Statement(1, server.now, ())
    forged = host.report(server.now).to_bytes().replace(b'"at":', b'"at":1')
    token = server.invite("web02")
    wrong = replace(token, ticket=replace(token.ticket, secret="x" * 43))
    messages = (
        (BEGIN, FleetHost("web02").begin(wrong).to_bytes(), 403),
        (DONE, stranger.done().to_bytes(), 404),
        (DONE, host.done().to_bytes().replace(b'"host":', b'"host" :'), 403),
        (OPENED, stranger.done().to_bytes(), 404),
        (REPORTS, stranger.report(server.now).to_bytes(), 404),
        (REPORTS, forged, 403),
        (STATEMENTS, key_of("stranger").sign(STATEMENT, about.to_document()).to_bytes(), 404),
    )
    with ThreadPoolExecutor(1) as pool, server.state.database.write():
        for path, message, status in messages:
            assert pool.submit(ask, app.starlette, path, message).result(PATIENCE).status == status, path
    first_line = stranger.report(server.now).to_bytes().partition(b"\n")[0] + b"\n"
    for path in (DONE, OPENED, REPORTS, STATEMENTS):
        assert ask(app.starlette, path, first_line, goes_away=True).status == 404


def repository_of(host: FleetHost, repository: str) -> bytes:
    """The end of joining of a host that names a repository."""
    made = EnrolledRepository("offsite", "rest:https://backup/x/", repository, (), "")
    return EnrolDone(host.pair.id, (made,), host.schedules).signed(host.pair).to_bytes()


def test_nobody_joins_with_anothers_repository(server: ServerInProcess, app: FleetApp) -> None:
    """R-13: it is refused and said, also before that host has joined; whoever was revoked may bring its own back."""
    first = server.join(FleetHost("web01"))
    thief = FleetHost("web02")
    begin(server.state, thief.begin(server.invite("web02")))
    assert ask(app.starlette, DONE, repository_of(thief, first.repository_id)).status == 403
    assert [(one.alert.kind, one.alert.subject) for one in server.turn()] == [("foreign", "web02")]
    revoke(server.state, "web01")
    assert ask(app.starlette, DONE, repository_of(thief, first.repository_id)).status == 403
    again = FleetHost("web01")
    again.pair = key_of("web01 reinstalled")
    begin(server.state, again.begin(server.invite("web01")))
    assert ask(app.starlette, DONE, repository_of(again, first.repository_id)).status == 200


def test_nobody_backs_up_to_anothers_repository(server: ServerInProcess) -> None:
    """R-13: a report that names one moves nothing but the suspicion."""
    first, liar = server.join(FleetHost("web01")), server.join(FleetHost("web02"))
    liar.repository_id = first.repository_id
    server.until("2027-02-02T02:10")
    server.take(liar)
    assert server.watch("web02").last_good is None
    assert [(one.alert.kind, one.alert.subject) for one in server.turn()] == [("foreign", "web02")]
    server.take(first)
    assert server.watch("web01").last_good == server.now
    believe(server.state, "web02")
    server.turn()
    with server.state.database.write() as connection:  # also of a run that was long ago
        take_report(connection, liar.report(server.now, liar.run(server.now - DAY)), server.now)
    assert [(one.alert.kind, one.alert.subject) for one in server.turn()] == [("foreign", "web02")]


def test_a_snapshot_is_of_the_host_that_first_said_so(server: ServerInProcess) -> None:
    """R-13: where a custodian cares for a repository that nobody joined with, two hosts do not live of one backup."""
    custodian = key_of("custodian")
    trust_custodian(server.state, custodian.public, "custodian")
    first, liar = server.join(FleetHost("web01")), server.join(FleetHost("web02"))
    for host in (first, liar):
        host.schedules = (replace(DAILY, source="etc", repositories=("vault",)),)
        host.goes_to, host.repository_id = "vault", "ab" * 32
    server.until("2027-02-02T02:10")
    for number, turn in enumerate(("early", "late"), 1):
        seen = StatedSnapshot("cd" * 32, "x", server.now, server.now, "good")
        about = StatedRepository("ab" * 32, "x", "well", server.now, None, False, 0, (seen,) * (number - 1), ())
        statement = Statement(number, server.now, (about,))
        take_statement(server.state, custodian.sign(STATEMENT, statement.to_document()))
        server.take(first, snapshot="cd" * 32)
        server.take(liar, snapshot="cd" * 32)
        said = [(one.alert.subject, one.said.value) for one in server.turn() if one.alert.kind == "foreign"]
        assert said == [("web02", "opened")], turn
        good = {one.host for one in server.standing().watches if one.last_good is not None}
        assert good == ({"web01"} if number == 2 else set())
        believe(server.state, "web02")
        server.turn()
        server.clock.advance(DAY)


def test_a_schedule_without_a_date_is_said(server: ServerInProcess) -> None:
    """What can never be late would be silent for ever."""
    calendars = {"home": "*-02-30 02:00:00", "x": "no words", "y": "Mon *-02-29 02:00:00", "z": "*-03-01 02:00:00"}
    server.join(FleetHost("web01", tuple(replace(DAILY, source=one, calendar=calendars[one]) for one in calendars)))
    assert sorted((one.alert.kind, one.alert.subject) for one in server.turn()) == [
        ("unscheduled", "web01/home/offsite"),
        ("unscheduled", "web01/x/offsite"),
        ("unscheduled", "web01/y/offsite"),
    ]
