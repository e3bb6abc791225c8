"""Does a healthchecks channel hear of each run of its source exactly once, in order, and never of an old one as new?"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest

from strongroom.base.errors import ConfigurationError
from strongroom.base.record import replace
from strongroom.fleet.protocol.report import REPORT, HostReport, RunReport
from strongroom.fleet.server.channels.delivering import Deliverer, add_channel, prove_channel, send_test
from strongroom.fleet.server.intake import take_report
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess
from tests.support.servers.sinks import WebSink, web_sink

HOUR = 3600


@pytest.fixture
def web() -> Iterator[WebSink]:
    """A service that is pinged."""
    with web_sink() as found:
        yield found


@pytest.fixture
def host(server: ServerInProcess) -> FleetHost:
    """A host that has joined."""
    return server.join(FleetHost("web01"))


@pytest.fixture
def deliverer(server: ServerInProcess, web: WebSink, host: FleetHost) -> Deliverer:
    """Messages, with one proven channel for the runs of the host's one source."""
    server.take(host)
    server.clock.advance(HOUR)
    add_channel(server.state, "home", "healthchecks", {"url": f"{web.url}?token=1", "runs": "web01/home"})
    send_test(server.state, "home")
    code = re.search(rb"prove \S+ (\d{6})", web.posted[0][1])
    assert code and web.paths == ["/x/log?token=1"]
    prove_channel(server.state, "home", code[1].decode())
    web.paths.clear()
    web.posted.clear()
    server.turn()
    return Deliverer(server.state, server.evaluator.leads)


def report(server: ServerInProcess, host: FleetHost, run: RunReport, kind: str = "run") -> str:
    """A report comes; the run's ID as the service knows it."""
    host.sequence += 1
    said = HostReport(
        kind, host.pair.id, "00" * 16, host.sequence, host.previous, server.now, 0, {}, host.schedules, run
    )
    message = host.pair.sign(REPORT, said.to_document())
    host.previous = message.sha256
    with server.state.database.write() as connection:
        take_report(connection, message, server.now)
    return str(uuid.UUID(hex=run.id))


def turn(server: ServerInProcess, deliverer: Deliverer) -> int:
    """Judge, and hand on."""
    server.turn()
    return deliverer.turn()


def test_each_run_is_pinged_at_its_start_and_end(
    server: ServerInProcess, host: FleetHost, deliverer: Deliverer, web: WebSink
) -> None:
    """With its ID and exit code, the end of its log as the body; a skip and another source's run move nothing."""
    run = replace(host.run(server.now, 3), log="x" * 20_000 + "2 files could not be read")
    identity = report(server, host, replace(run, ended=None), "start")
    report(server, host, run)
    skipped = report(server, host, host.run(server.now, 78))
    report(server, host, replace(host.run(server.now, 1), source="other"))
    assert turn(server, deliverer) == 3
    assert web.paths == [
        f"/x/start?token=1&rid={identity}",
        f"/x/3?token=1&rid={identity}",
        f"/x/log?token=1&rid={skipped}",
    ]
    assert len(web.posted[1][1]) == 10_000 and web.posted[1][1].endswith(b"2 files could not be read")
    assert turn(server, deliverer) == 0


def test_a_service_that_fails_hears_all_of_it_later_in_order(
    server: ServerInProcess, host: FleetHost, deliverer: Deliverer, web: WebSink
) -> None:
    """With back-off; after six hours a good run is no news any more, and a failed one still is."""
    web.status = 500
    first = report(server, host, host.run(server.now, 0))
    turn(server, deliverer)
    second = report(server, host, host.run(server.now + 1, 1))
    turn(server, deliverer)
    assert len(web.paths) == 1
    web.status = 200
    server.clock.advance(7 * HOUR)
    assert turn(server, deliverer) == 2
    assert web.paths[1:] == [f"/x/log?token=1&rid={first}", f"/x/1?token=1&rid={second}"]


def test_a_run_that_is_reported_late_is_no_run_of_now(
    server: ServerInProcess, host: FleetHost, deliverer: Deliverer, web: WebSink
) -> None:
    """A host's outbox may hold what went well a day ago, while nothing went well since."""
    old = report(server, host, host.run(server.now - 24 * HOUR, 0))
    new = report(server, host, host.run(server.now, 0))
    assert turn(server, deliverer) == 2
    assert web.paths == [f"/x/log?token=1&rid={old}", f"/x/0?token=1&rid={new}"]


def test_a_channel_of_runs_names_one_source(server: ServerInProcess) -> None:
    """Anything else is refused, and so are runs on a channel that carries messages."""
    for kind, runs in (("healthchecks", "web01"), ("healthchecks", "web*/home"), ("ntfy", "web01/home")):
        with pytest.raises(ConfigurationError):
            add_channel(server.state, "home", kind, {"url": "https://hc.example.org/x", "runs": runs})
