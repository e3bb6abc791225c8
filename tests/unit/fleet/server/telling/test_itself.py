"""T-1, T-2, M-5: does a server say nothing is wrong only while it sees, knows the time, and what it needs lasts?"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.fleet.server.api.tokens import make_token, remove_token
from strongroom.fleet.server.channels.delivering import Deliverer, add_channel, prove_channel, send_test
from strongroom.fleet.server.following.clocks import look_at_clock
from strongroom.fleet.server.following.expiry import forget_certificates, look_at_certificate
from strongroom.fleet.server.judging.states import WatchState
from strongroom.receipts.log.checkpoint import Checkpoint
from strongroom.receipts.log.note import COSIGNATURE, Note, Signer
from tests.support.fleet.gateway import LoggingGateway
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess
from tests.support.servers.sinks import WebSink, web_sink

MINUTE, HOUR, DAY = 60, 3600, 86400
WITNESS = Signer("witness/w", Ed25519PrivateKey.generate(), COSIGNATURE)


@pytest.fixture
def sinks() -> Iterator[tuple[WebSink, WebSink]]:
    """Where pings go, and where alerts go."""
    with web_sink() as pings, web_sink() as alerts:
        yield pings, alerts


class Clockwork:
    """A gateway's clock, and its witness's."""

    def __init__(self, server: ServerInProcess) -> None:
        self.server, self.ahead = server, 0
        self.countersigned: int | None = None

    def time(self) -> int | None:
        """What the gateway says."""
        return self.server.now + self.ahead

    def cosigned(self) -> bytes | None:
        """A head that the witness signed at some time."""
        if self.countersigned is None:
            return None
        text = Checkpoint("backup/log", 1, b"\0" * 32).text()
        return Note(text, (WITNESS.sign(text, self.countersigned),)).encode()

    def look(self) -> None:
        """The server compares."""
        look_at_clock(self.server.state, "offsite", self, WITNESS.verifier)


def wrong(server: ServerInProcess) -> list[tuple[str, bool, str]]:
    """What is wrong."""
    return [(one.kind, one.critical, one.words) for one in server.standing().wrong]


def pinging(server: ServerInProcess, sinks: tuple[WebSink, WebSink]) -> Deliverer:
    """A ping channel and one that carries, both proven."""
    for name, kind, sink in (("outside", "healthchecks", sinks[0]), ("ops", "ntfy", sinks[1])):
        add_channel(server.state, name, kind, {"url": sink.url})
        send_test(server.state, name)
        code = re.search(rb"prove \S+ (\d{6})", sink.posted[0][1])
        assert code
        prove_channel(server.state, name, code[1].decode())
        sink.posted.clear()
    return Deliverer(server.state, server.evaluator.leads)


def test_nobody_hears_that_all_is_well_while_a_log_is_not_read(
    server: ServerInProcess, sinks: tuple[WebSink, WebSink]
) -> None:
    """A server that sees no receipts any more alarms by its silence as well, after a quarter of an hour."""
    gateway = LoggingGateway(server)
    deliverer = pinging(server, sinks)
    pings = sinks[0].posted
    for minutes, count in ((0, 1), (70, 1), (0, 2)):
        server.clock.advance(minutes * MINUTE)
        if not minutes:
            gateway.follow()
        server.turn()
        deliverer.turn()
        assert len(pings) == count


def test_a_clock_that_is_behind_hides_no_late_backup(server: ServerInProcess, sinks: tuple[WebSink, WebSink]) -> None:
    """T-2: late by the gateway's clock is late, and there is no ping."""
    gateway, deliverer = Clockwork(server), pinging(server, sinks)
    server.join(FleetHost("web01"))
    gateway.ahead = -200
    gateway.look()
    assert wrong(server) == []
    gateway.ahead = 3 * DAY
    gateway.look()
    assert ("clock", True) in {(kind, critical) for kind, critical, _ in wrong(server)}
    assert server.watch("web01").judgement.state is WatchState.LATE
    server.turn()
    deliverer.turn()
    assert not sinks[0].posted
    gateway.ahead = 0
    gateway.look()
    assert wrong(server) == []
    server.turn()
    deliverer.turn()
    assert len(sinks[0].posted) == 1


def test_no_alert_ends_while_nobody_knows_the_time(server: ServerInProcess) -> None:
    """T-2: a clock that is set back makes nothing good again; the alert ends once the clocks agree."""
    host, gateway = server.join(FleetHost("web01")), Clockwork(server)
    server.until("2027-02-03T16:00")
    assert [one.alert.kind for one in server.turn()] == ["late"]
    server.clock.advance(-2 * DAY)
    gateway.ahead = 2 * DAY
    gateway.look()
    host.with_lateness(30 * DAY)
    assert [(one.said.value, one.alert.kind) for one in server.turn()] == [("opened", "clock")]
    server.clock.advance(2 * DAY)
    gateway.ahead = 0
    gateway.look()
    server.take(host)
    assert sorted(one.alert.kind for one in server.turn() if one.said.value == "resolved") == ["clock", "late"]


def test_a_witness_knows_what_time_it_is_at_least(server: ServerInProcess) -> None:
    """T-2: a gateway that lies along with our clock is found out; an old countersignature says nothing."""
    gateway = Clockwork(server)
    gateway.countersigned = server.now - DAY
    gateway.look()
    assert wrong(server) == []
    gateway.countersigned = server.now + HOUR
    gateway.look()
    assert [kind for kind, _, _ in wrong(server)] == ["clock"]
    server.clock.advance(20 * MINUTE)
    assert wrong(server) == []
    gateway.countersigned = 2**64 - 1
    gateway.look()
    assert [kind for kind, _, _ in wrong(server)] == ["clock"]


class Certified:
    """A gateway with a certificate."""

    def __init__(self, end: int | None) -> None:
        self.end = end

    def certificate_end(self) -> int | None:
        """Until when it is good."""
        return self.end


def test_what_ends_elsewhere_is_said_two_weeks_before(server: ServerInProcess) -> None:
    """M-5: a gateway's certificate and a program's token; not one that was made for a day."""
    now = server.now
    look_at_certificate(server.state, "offsite", Certified(now + 20 * DAY))
    make_token(server.state, "grafana", "*", 31)
    make_token(server.state, "for-a-day", "*", 1)
    assert wrong(server) == []
    server.clock.advance(18 * DAY)
    subjects = {one.subject: one.critical for one in server.standing().wrong}
    assert subjects == {"the certificate of the gateway offsite": False, "the token grafana": False}
    look_at_certificate(server.state, "offsite", Certified(None))
    assert len(wrong(server)) == 2
    server.clock.advance(3 * DAY)
    assert ("expiry", True) in {(kind, critical) for kind, critical, _ in wrong(server)}
    look_at_certificate(server.state, "offsite", Certified(now + 400 * DAY))
    remove_token(server.state, "grafana")
    assert wrong(server) == []
    server.clock.advance(500 * DAY)
    assert [kind for kind, _, _ in wrong(server)] == ["expiry"]
    with server.state.database.write() as connection:
        forget_certificates(connection, [])
    assert wrong(server) == []
