"""R-13: are hosts with stock restic watched by what a gateway's log says, and is a claim none until it says so?"""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError
from strongroom.fleet.protocol.enrolment import EnrolDone, EnrolledRepository
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.protocol.statement import STATEMENT, StatedRepository, StatedSnapshot, Statement
from strongroom.fleet.server.following.follower import FollowedGateway, LogFollower, forget_others
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from strongroom.fleet.server.joining import begin, done
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.operating import expect, pause, retire, revoke
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.schemas.following import log, place
from tests.support.fleet.gateway import LoggingGateway
from tests.support.fleet.hosts import FleetHost, key_of, snapshot_of
from tests.support.fleet.server import ServerInProcess
from tests.support.waiting import until

HOUR, MINUTE = 3600, 60
CUSTODIAN = key_of("custodian")


@pytest.fixture
def gateway(server: ServerInProcess) -> LoggingGateway:
    """A gateway whose log is followed."""
    made = LoggingGateway(server)
    made.follow()
    return made


def said(server: ServerInProcess) -> list[tuple[str, str, str]]:
    """What a turn says."""
    return [(one.said.value, one.alert.kind, one.alert.subject) for one in server.turn()]


class Behind(FleetHost):
    """A host that joined with a repository at the gateway."""

    path = ""

    def done(self) -> SignedMessage:
        """What it made, as `host enrol` says it."""
        path = self.path or f"hosts/{self.name}"
        made = EnrolledRepository("offsite", f"rest:https://backup:8000/{path}/", self.repository_id, (), "")
        return EnrolDone(self.pair.id, (made,), self.schedules).signed(self.pair)


def test_a_host_without_an_agent_is_seeding_then_well_then_late(
    server: ServerInProcess, gateway: LoggingGateway
) -> None:
    """From `restic init` to the alarm that its backup did not come."""
    gateway.receive("old01", "old01", "config", snapshot_of("config"))
    gateway.follow()
    assert server.watch("old01").judgement.state is WatchState.NEVER
    gateway.receive("old01", "old01", "data", snapshot_of("pack"))
    gateway.follow()
    server.clock.advance(50 * HOUR)  # the first upload takes its days
    gateway.follow()
    assert server.watch("old01").judgement.state is WatchState.SEEDING and said(server) == []
    gateway.snapshot("old01", "old01")
    gateway.follow()
    watch = server.watch("old01")
    assert (watch.judgement.state, watch.evidence, watch.last_good) == (WatchState.OK, "receipt", server.now)
    server.clock.advance(36 * HOUR)
    gateway.follow()
    assert said(server) == []
    server.clock.advance(2 * HOUR)
    gateway.follow()
    assert said(server) == [("opened", "late", "old01/old01")]
    gateway.snapshot("old01", "old01")
    gateway.follow()
    assert said(server) == [("resolved", "late", "old01/old01")]


def test_an_old_log_alarms_about_nothing_before_it_is_due(server: ServerInProcess) -> None:
    """What was backed up last a year ago is late a day and a half after the following began, not at once."""
    gateway = LoggingGateway(server)
    gateway.snapshot("old01", "old01", at=server.now - 365 * 24 * HOUR)
    assert gateway.follow() == 1
    assert said(server) == []
    server.clock.advance(38 * HOUR)
    gateway.follow()
    assert said(server) == [("opened", "late", "old01/old01")]


def test_an_operator_says_how_often(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """And may pause and retire it as any other; a host with an agent says it itself."""
    gateway.snapshot("old01", "old01")
    gateway.follow()
    assert expect(server.state, "old01", "", HOUR, None) == 1
    server.clock.advance(3 * HOUR)
    gateway.follow()
    assert server.watch("old01").judgement.state is WatchState.LATE
    assert expect(server.state, "old01", "old01", 7 * 24 * HOUR, None) == 1
    assert server.watch("old01").judgement.state is WatchState.OK
    assert pause(server.state, "old01", "", "", HOUR, "moving") == 1
    assert retire(server.state, "old01", "", "") == 1
    assert server.watch("old01").judgement.state is WatchState.RETIRED
    server.join(FleetHost("web01"))
    with pytest.raises(ConfigurationError, match="says itself"):
        expect(server.state, "web01", "", HOUR, None)


def test_a_host_that_gets_an_agent_is_told_how_to_keep_its_name(
    server: ServerInProcess, gateway: LoggingGateway
) -> None:
    """Neither an invitation nor one that replaces is possible while its receipts alone are known: both say the way."""
    gateway.snapshot("old01", "old01")
    gateway.follow()
    for replaces in (False, True):
        with pytest.raises(ConfigurationError) as refused:
            server.invite("old01", replace=replaces)
        assert refused.value.hint is not None and "fleet revoke old01" in refused.value.hint
    revoke(server.state, "old01")
    server.join(FleetHost("old01"))
    assert [one.repository for one in server.standing().watches if one.host == "old01"] == ["offsite"]


@pytest.mark.parametrize("receipt_first", [True, False])
def test_a_receipt_and_a_report_of_one_backup_are_one(
    server: ServerInProcess, gateway: LoggingGateway, receipt_first: bool
) -> None:
    """Whichever comes first; there is one watch, and it is good when both have come."""
    host = server.join(Behind("web01"))
    snapshot = snapshot_of("first")
    server.until("2027-02-02T02:10")
    if receipt_first:
        gateway.snapshot("web01", "hosts/web01", snapshot)
        gateway.follow()
    server.take(host, snapshot=snapshot)
    if not receipt_first:
        assert server.watch("web01").last_good is None
        gateway.snapshot("web01", "hosts/web01", snapshot)
        gateway.follow()
    watch = server.watch("web01")
    assert (watch.judgement.state, watch.evidence, watch.last_good) == (WatchState.OK, "receipt", server.now)


def test_a_host_that_is_joining_is_not_watched_twice(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """Its repository is there before it says that it is done."""
    host = Behind("web01")
    begin(server.state, host.begin(server.invite("web01")))
    gateway.receive("web01", "hosts/web01", "config", snapshot_of("config"))
    snapshot = gateway.snapshot("web01", "hosts/web01")
    gateway.follow()
    done(server.state, host.done())
    server.take(host, snapshot=snapshot)
    gateway.follow()
    assert [one.evidence for one in server.standing().watches] == ["receipt"]


def test_a_claim_that_the_log_lacks_is_suspicious(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """R-13: after a quarter of an hour in which the log was read; while it cannot be read nobody is suspected."""
    host = server.join(Behind("web01"))
    server.take(host)
    server.clock.advance(20 * MINUTE)
    assert "unlogged" not in {kind for _, kind, _ in said(server)}
    gateway.follow()
    assert said(server)[-1] == ("opened", "unlogged", "web01")
    assert server.watch("web01").judgement.state is WatchState.SUSPICIOUS


def test_a_claim_of_another_hosts_snapshot_makes_no_backup(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """The receipt is of another repository than the one that this host joined with."""
    theirs = gateway.snapshot("db01", "hosts/db01")
    gateway.follow()
    host = server.join(Behind("web01"))
    server.take(host, snapshot=theirs)
    gateway.follow()
    assert server.watch("web01").last_good is None


def test_a_host_cannot_join_with_another_ones_path(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """Its word of where its repository is counts below its own name alone."""
    server.join(Behind("db01"))
    thief = Behind("web01")
    thief.path = "hosts/db01"
    server.join(thief)
    gateway.snapshot("db01", "hosts/db01", snapshot_of("good"))
    gateway.follow()
    with server.state.database.read() as connection:
        assert [row.host for row in connection.execute(sa.select(place))] == [key_of("db01").id]


@pytest.mark.parametrize("places", ["https://backup:8000 hosts/web01", "hosts/web01"])
def test_a_namesakes_receipts_are_not_its_own(server: ServerInProcess, gateway: LoggingGateway, places: str) -> None:
    """R-13: A host has the place that the gateway gave it, and who backs up elsewhere is watched as before."""
    host = Behind("web01")
    host.path = "other/web01"
    server.join(host)
    with server.state.database.write() as connection:
        connection.execute(schema.host.update().values(places=places))
    server.take(host, snapshot=gateway.snapshot("their01", "other/web01"))
    gateway.follow()
    assert {one.host: one.evidence for one in server.standing().watches} == {"web01": "claimed", "their01": "receipt"}


def test_where_a_custodian_cares_receipts_make_nothing_good(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """Whose a repository is shows by the ID of a snapshot; from then on its rounds are the host's `Verified`."""
    trust_custodian(server.state, CUSTODIAN.public, "card")
    first = gateway.snapshot("old01", "old01")
    gateway.follow()
    state(server, 1, first)
    watch = server.watch("old01")
    assert (watch.evidence, watch.verified) == ("custodian", server.now)
    server.clock.advance(24 * HOUR)
    second = gateway.snapshot("old01", "old01")
    gateway.follow()
    assert server.watch("old01").last_good == server.now - 24 * HOUR
    state(server, 2, second)
    assert server.watch("old01").last_good == server.now


def state(server: ServerInProcess, number: int, snapshot: str) -> None:
    """The custodian has found a snapshot good."""
    seen = (StatedSnapshot(snapshot, "old01", server.now, server.now, "good"),)
    about = StatedRepository("cd" * 32, "old01", "well", server.now, None, True, 0, seen, ())
    take_statement(server.state, CUSTODIAN.sign(STATEMENT, Statement(number, server.now, (about,)).to_document()))


def test_a_log_that_is_not_read_is_an_alarm(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """After a quarter of an hour a warning, after two hours critical; one that is followed no more is none."""
    server.clock.advance(14 * MINUTE)
    assert said(server) == []
    server.clock.advance(2 * MINUTE)
    assert said(server) == [("opened", "log", "gateway offsite")]
    server.clock.advance(2 * HOUR)
    assert said(server) == [("worse", "log", "gateway offsite")]
    gateway.follow()
    assert said(server) == [("resolved", "log", "gateway offsite")]
    server.clock.advance(HOUR)
    forget_others(server.state, [])
    assert said(server) == []


def test_a_gateway_that_drips_makes_nobody_blind_to_the_others(
    server: ServerInProcess, gateway: LoggingGateway
) -> None:
    """While one sends a head that never ends, the next is asked, and what is wrong with it is known."""
    over = threading.Event()
    key = gateway.followed.key
    with socket.create_server(("127.0.0.1", 0)) as dripping, socket.create_server(("127.0.0.1", 0)) as broken:

        def drip() -> None:
            connection, _ = dripping.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not over.wait(0.1):
                    connection.sendall(b"x")

        def refuse() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = broken.accept()
                    with connection:
                        connection.recv(1000)
                        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

        threads = [threading.Thread(target=one, daemon=True) for one in (drip, refuse)]
        urls = [f"http://127.0.0.1:{one.getsockname()[1]}" for one in (dripping, broken)]
        gateways = [FollowedGateway(name, url, key) for name, url in zip(("drips", "refuses"), urls, strict=True)]
        for thread in threads:
            thread.start()
        follower = LogFollower(server.state, gateways, lambda: True)
        follower.start()
        try:
            until(lambda: "401" in troubles(server).get("refuses", ""))
            assert not troubles(server).get("drips")
        finally:
            over.set()
            broken.shutdown(socket.SHUT_RDWR)
            follower.close()


def troubles(server: ServerInProcess) -> dict[str, str]:
    """By gateway, why its log was not read."""
    with server.state.database.read() as connection:
        return {row.gateway: row.trouble for row in connection.execute(sa.select(log))}


def test_a_log_is_read_on_across_tiles(server: ServerInProcess, gateway: LoggingGateway) -> None:
    """Many receipts, in several readings that end in the middle of a tile."""
    found = []
    for count in (3, 300, 1, 256, 200):
        for number in range(count):
            gateway.receive("old01", "old01", "data", snapshot_of(f"{count} {number}"))
        found.append(gateway.follow())
    assert found == [3, 300, 1, 256, 200]
    assert not server.standing().wrong
