"""R-13: is a backup that began and never ended an alarm, and one that is under way none?"""

from __future__ import annotations

from strongroom.base.record import replace
from strongroom.fleet.protocol.report import REPORT, parse_report
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.server.intake import take_report
from strongroom.fleet.server.operating import pause
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess

HOUR = 3600


def begin(server: ServerInProcess, host: FleetHost, source: str = "home") -> SignedMessage:
    """The host says that a run begins."""
    run = host.run(server.now)
    report = parse_report(host.report(server.now, run))
    begun = replace(report, kind="start", run=replace(run, source=source, ended=None, outcomes=(), log=""))
    message = host.pair.sign(REPORT, begun.to_document())
    host.previous = message.sha256
    with server.state.database.write() as connection:
        take_report(connection, message, server.now)
    return message


def unended(server: ServerInProcess) -> list[str]:
    """Runs that are said not to have ended."""
    return [one.subject for one in server.standing().wrong if one.kind == "unended"]


def test_a_run_that_never_ends_is_an_alarm(server: ServerInProcess) -> None:
    """R-13: after half a day; the end of the next one ends it."""
    host = server.join(FleetHost("web01"))
    begin(server, host)
    server.clock.advance(12 * HOUR)
    assert unended(server) == []
    server.clock.advance(60)
    assert unended(server) == ["web01/home"]
    pause(server.state, "web01", "", "", HOUR, "moving")
    assert unended(server) == []
    server.clock.advance(HOUR)
    begin(server, host)
    assert unended(server) == []
    server.clock.advance(13 * HOUR)
    assert unended(server) == ["web01/home"]
    server.take(host)
    assert unended(server) == []


def test_a_run_that_ends_is_none_however_it_ends(server: ServerInProcess) -> None:
    """A failure is said as one."""
    host = server.join(FleetHost("web01"))
    begin(server, host)
    server.take(host, code=1)
    server.clock.advance(20 * HOUR)
    assert unended(server) == []


def test_a_start_that_comes_again_begins_nothing(server: ServerInProcess) -> None:
    """A report that is played again after its run has ended; and one of a source that nobody watches."""
    host = server.join(FleetHost("web01"))
    message = begin(server, host)
    server.take(host)
    with server.state.database.write() as connection:
        take_report(connection, message, server.now)
    begin(server, host, "elsewhere")
    server.clock.advance(20 * HOUR)
    assert unended(server) == []
