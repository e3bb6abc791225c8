"""R-13: a backup that could not read all: shown at once, and said when it happens again and again."""

from __future__ import annotations

from strongroom.base.record import replace
from strongroom.fleet.server.intake import take_report
from strongroom.fleet.server.judging.states import WatchState
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess

HOUR = 3600


def said(server: ServerInProcess) -> list[tuple[str, str, str]]:
    """What a turn says."""
    return [(one.said.value, one.alert.kind, one.alert.subject) for one in server.turn()]


def test_incomplete_thrice_is_a_warning(server: ServerInProcess) -> None:
    """Once or twice it shows in the list and rings nobody."""
    host = server.join(FleetHost("web01"))
    for _ in range(2):
        server.clock.advance(HOUR)
        server.take(host, code=3)
        assert said(server) == [] and server.watch("web01").judgement.state is WatchState.INCOMPLETE
    server.take(host, code=3)
    assert said(server) == [("opened", "incomplete", "web01/home/offsite")]


def test_a_run_that_was_incomplete_makes_its_snapshots_so(server: ServerInProcess) -> None:
    """Agents before 0.2 said it of the run alone: the snapshot's own code was 0."""
    host = server.join(FleetHost("web01"))
    run = host.run(server.now, 3)
    run = replace(run, outcomes=(replace(run.outcomes[0], code=0),))
    with server.state.database.write() as connection:
        take_report(connection, host.report(server.now, run), server.now)
    assert server.watch("web01").judgement.state is WatchState.INCOMPLETE
