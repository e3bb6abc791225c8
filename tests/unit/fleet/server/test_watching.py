"""R-13: does a watch stand as reports, statements and the calendar say?"""

from __future__ import annotations

import pytest

from strongroom.base.errors import ConfigurationError, Missing
from strongroom.base.record import replace
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.protocol.statement import STATEMENT, StatedIncident, StatedRepository, StatedSnapshot, Statement
from strongroom.fleet.server.alerting.machine import Said
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from strongroom.fleet.server.intake import take_report
from strongroom.fleet.server.joining import begin, done
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.operating import believe, expect, pause, retire, revoke
from tests.support.fleet.hosts import DAILY, FleetHost, key_of
from tests.support.fleet.server import ServerInProcess, moment

HOUR = 3600
CUSTODIAN = key_of("custodian")


def said(server: ServerInProcess) -> list[tuple[str, str, str]]:
    """What a turn says that is news; that nobody has acknowledged something is for other tests."""
    news = [one for one in server.turn() if one.said is not Said.ESCALATED]
    return [(one.said.value, one.alert.kind, one.alert.subject) for one in news]


def test_a_host_that_joined_is_watched_from_then_on(server: ServerInProcess) -> None:
    """Before its first due date nothing is wrong; after it, its first backup is late."""
    server.join(FleetHost("web01"))
    assert server.watch("web01").judgement.state is WatchState.NEVER
    assert server.turn() == []
    server.until("2027-02-03T15:00")
    assert server.watch("web01").judgement.state is WatchState.LATE
    assert said(server) == [("opened", "late", "web01/home/offsite")]
    assert said(server) == []


def test_whoever_began_to_join_and_never_ended_is_an_alarm(server: ServerInProcess) -> None:
    """It has no watch, so no backup of it would ever be missed; nor one of a host whose sources have no schedule."""
    host = FleetHost("web01")
    begin(server.state, host.begin(server.invite("web01")))
    server.join(FleetHost("web02", schedules=()))
    assert said(server) == []
    server.clock.advance(HOUR + 1)
    assert said(server) == [("opened", "unwatched", "web01"), ("opened", "unwatched", "web02")]
    done(server.state, host.done())
    revoke(server.state, "web02")
    assert said(server) == [("resolved", "unwatched", "web01"), ("resolved", "unwatched", "web02")]


def test_a_missed_run_is_alarmed_once_and_resolved_once(server: ServerInProcess) -> None:
    """On time is silent; missed is said when the deadline passes, and once more when a backup came."""
    host = server.join(FleetHost("web01"))
    server.until("2027-02-02T02:10")
    server.take(host)
    assert server.watch("web01").judgement.state is WatchState.OK
    heard = []
    server.until("2027-02-03T15:00")
    heard += said(server)
    assert heard == []
    server.until("2027-02-03T15:31")
    heard += said(server)
    server.until("2027-02-04T02:20")
    heard += said(server)
    server.take(host)
    heard += said(server)
    subject = "web01/home/offsite"
    assert heard == [("opened", "late", subject), ("resolved", "late", subject)]


def test_late_twice_over_is_critical(server: ServerInProcess) -> None:
    """It becomes worse, once."""
    host = server.join(FleetHost("web01"))
    server.until("2027-02-02T02:10")
    server.take(host)
    heard = []
    for day in range(3, 7):
        for hour in ("04:00", "16:00"):
            server.until(f"2027-02-{day:02}T{hour}")
            news = [one for one in server.turn() if one.said is not Said.ESCALATED]
            heard += [(one.said, one.alert.critical) for one in news]
    assert heard[:2] == [(Said.OPENED, False), (Said.WORSE, True)]
    assert {one for one, _ in heard[2:]} <= {Said.REMINDER}


def test_a_host_cannot_lengthen_its_own_deadline(server: ServerInProcess) -> None:
    """R-13: whatever it says in a report, the server keeps its own; a shorter one counts."""
    host = server.join(FleetHost("web01"))
    server.until("2027-02-02T02:10")
    server.take(host)
    own = server.watch("web01").late
    assert own is not None
    host.with_lateness(300 * 24 * HOUR)
    server.take(host)
    assert server.watch("web01").late == own
    host.with_lateness(30 * HOUR)
    server.take(host)
    shorter = server.watch("web01").late
    assert shorter is not None and shorter < own


def test_a_clock_that_is_behind_makes_no_backup_late(server: ServerInProcess) -> None:
    """Its host says by how much since it heard the server's: otherwise each backup would be of days ago."""
    host = server.join(FleetHost("web01"))
    behind = 3 * 24 * HOUR
    host.clock_offset = -behind * 1000
    for day in range(2, 7):
        server.until(f"2027-02-0{day}T02:20")
        run = host.run(server.now - behind, 1 if day == 6 else 0, server.now - behind + 600 if day == 6 else None)
        with server.state.database.write() as connection:
            take_report(connection, host.report(server.now - behind, run), server.now)
        assert said(server) == []
    assert server.watch("web01").last_good == moment("2027-02-05T02:20")
    host.clock_offset = 10**15  # nothing that it says moves a backup beyond now, or before what was there
    server.until("2027-02-07T02:20")
    server.take(host)
    assert server.watch("web01").last_good == server.now


def test_an_operator_lets_a_host_be_as_late_as_it_says(server: ServerInProcess) -> None:
    """Its own word lengthens nothing; with an operator's it counts, and it may be shorter still."""
    host = FleetHost("web01")
    host.with_lateness(72 * HOUR)
    server.join(host)
    usual = server.watch("web01").late
    assert expect(server.state, "web01", "", None, 72 * HOUR, "home") == 1
    longer = server.watch("web01").late
    assert usual is not None and longer is not None and longer > usual + 24 * HOUR
    host.with_lateness(40 * HOUR)
    server.take(host)
    shorter = server.watch("web01").late
    assert shorter is not None and usual < shorter < longer
    with pytest.raises(ConfigurationError):
        expect(server.state, "web01", "", 24 * HOUR, None)
    with pytest.raises(Missing):
        expect(server.state, "web01", "", None, 72 * HOUR, "other")


def test_a_laptop_may_be_away_for_a_week(server: ServerInProcess) -> None:
    """Its profile says so, and not the laptop."""
    host = server.join(FleetHost("laptop"), "laptop")
    server.until("2027-02-02T02:10")
    server.take(host)
    server.until("2027-02-08T12:00")
    assert server.watch("laptop").judgement.state is WatchState.OK
    server.until("2027-02-09T04:00")
    assert server.watch("laptop").judgement.state is WatchState.LATE


def test_a_failure_is_said_when_the_host_gives_up(server: ServerInProcess) -> None:
    """A run that is tried again has failed and is no alarm; the last one is; a retry that never came is, too."""
    host = server.join(FleetHost("web01"))
    server.until("2027-02-02T02:10")
    server.take(host, code=1, retry_at=server.now + 600)
    assert server.watch("web01").judgement.state is WatchState.FAILED
    assert said(server) == []
    server.clock.advance(600)
    server.take(host, code=1)
    assert said(server) == [("opened", "failed", "web01/home/offsite")]
    server.clock.advance(600)
    server.take(host)
    assert said(server) == [("resolved", "failed", "web01/home/offsite")]
    server.take(host, code=1, retry_at=server.now + 600)
    assert said(server) == []
    server.clock.advance(2 * HOUR)
    assert said(server) == [("opened", "failed", "web01/home/offsite")]


def test_a_pause_hides_what_is_late_and_no_suspicion(server: ServerInProcess) -> None:
    """It ends by itself."""
    host = server.join(FleetHost("web01"))
    assert pause(server.state, "web01", "", "", 20 * 24 * HOUR, "moving house") == 1
    server.until("2027-02-10T12:00")
    assert server.watch("web01").judgement.state is WatchState.PAUSED and server.turn() == []
    twin = host.copy()
    server.take(host)
    server.clock.advance(1)
    server.take(twin)
    assert said(server) == [("opened", "cloned", "web01")]
    assert server.watch("web01").judgement.state is WatchState.SUSPICIOUS
    assert believe(server.state, "web01") == 1
    assert server.watch("web01").judgement.state is WatchState.PAUSED
    server.until("2027-02-26T12:00")
    assert server.watch("web01").judgement.state is WatchState.LATE


def test_missing_reports_are_suspicious_after_an_hour(server: ServerInProcess) -> None:
    """Unless they come after all, or the host says that it dropped them."""
    host = server.join(FleetHost("web01"))
    lost = [host.report(server.now) for _ in range(3)]
    server.take(host)
    assert said(server) == []
    server.clock.advance(2 * HOUR)
    assert said(server) == [("opened", "gap", "web01")]
    _deliver(server, lost[0])
    message = host.report(server.now, None, dropped=((2, 3),))
    _deliver(server, message)
    assert said(server) == [("resolved", "gap", "web01")]


def _deliver(server: ServerInProcess, message: SignedMessage) -> None:
    with server.state.database.write() as connection:
        take_report(connection, message, server.now)


def test_a_report_that_comes_again_changes_nothing(server: ServerInProcess) -> None:
    """The host did not hear the answer; the same bytes are the same report."""
    host = server.join(FleetHost("web01"))
    message = host.report(server.now, host.run(server.now))
    for _ in range(3):
        _deliver(server, message)
    assert server.turn() == [] and server.watch("web01").judgement.state is WatchState.OK


def state_repository(server: ServerInProcess, host: FleetHost, number: int, *snapshots: tuple[str, str]) -> None:
    """The custodian's word: a round has ended, and these snapshots have these verdicts."""
    seen = tuple(StatedSnapshot(one, "x", server.now, server.now, verdict) for one, verdict in snapshots)
    about = StatedRepository(host.repository_id, "offsite", "well", server.now, None, False, 0, seen, ())
    take_statement(server.state, CUSTODIAN.sign(STATEMENT, Statement(number, server.now, (about,)).to_document()))


def test_where_a_custodian_cares_its_word_counts_and_no_hosts(server: ServerInProcess) -> None:
    """R-13: garbage that is reported as a backup makes nothing good until the custodian has found it so."""
    trust_custodian(server.state, CUSTODIAN.public, "custodian")
    host = server.join(FleetHost("web01"))
    state_repository(server, host, 1)
    server.until("2027-02-02T02:10")
    snapshot = server.take(host)
    assert server.watch("web01").last_good is None
    server.clock.advance(600)
    state_repository(server, host, 2, (snapshot, "good"))
    watch = server.watch("web01")
    assert (watch.last_good, watch.evidence) == (server.now, "custodian")
    state_repository(server, host, 1, (snapshot, "bad"))  # an old statement, played again
    assert server.watch("web01").judgement.state is WatchState.OK


def test_a_snapshot_that_the_custodian_never_finds_is_suspicious(server: ServerInProcess) -> None:
    """R-13: three rounds are time enough; before that nobody is suspected."""
    trust_custodian(server.state, CUSTODIAN.public, "custodian")
    host = server.join(FleetHost("web01"))
    state_repository(server, host, 1)
    server.until("2027-02-02T02:10")
    server.take(host)
    heard = []
    for number in range(2, 6):
        server.clock.advance(HOUR)
        state_repository(server, host, number)
        heard.append(said(server))
    assert heard == [[], [], [("opened", "unseen", "web01")], []]


def test_incidents_of_the_custodian_are_critical(server: ServerInProcess) -> None:
    """One alert each, gone when it is closed."""
    trust_custodian(server.state, CUSTODIAN.public, "custodian")
    incident = StatedIncident(7, "missing", server.now, "two packs are gone")
    about = StatedRepository("ab" * 32, "offsite", "broken", server.now, None, False, 0, (), (incident,))
    heard = []
    for number, repository in enumerate((about, about, replace(about, incidents=())), 1):
        statement = Statement(number, server.now, (repository,))
        take_statement(server.state, CUSTODIAN.sign(STATEMENT, statement.to_document()))
        heard.append(said(server))
    subject = "offsite/missing/7"
    assert heard == [[("opened", "incident", subject)], [], [("resolved", "incident", subject)]]


def test_reports_that_were_late_themselves_count_when_they_say(server: ServerInProcess) -> None:
    """The server was away for two days: what the outbox brings is no proof that a backup was made just now."""
    host = server.join(FleetHost("web01"))
    server.until("2027-02-02T02:10")
    first = host.report(server.now, host.run(server.now))
    server.until("2027-02-04T12:00")
    _deliver(server, first)
    watch = server.watch("web01")
    assert watch.judgement.state is WatchState.LATE and watch.last_good is not None
    assert watch.last_good < server.now - 2 * 24 * HOUR


def test_what_is_retired_is_watched_no_more(server: ServerInProcess) -> None:
    """And may come back."""
    server.join(FleetHost("web01", (DAILY, replace(DAILY, source="etc"))))
    assert retire(server.state, "web01", "etc", "") == 1
    server.until("2027-02-05T12:00")
    assert [one[2] for one in said(server)] == ["web01/home/offsite"]
    assert retire(server.state, "web01", "etc", "", back=True) == 1
    assert [one[2] for one in said(server)] == ["web01/etc/offsite"]
