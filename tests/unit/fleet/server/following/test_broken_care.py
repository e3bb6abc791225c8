"""A failed check outranks a good backup: what the custodian finds broken is no watch that is well."""

from __future__ import annotations

from strongroom.base.record import replace
from strongroom.fleet.protocol.statement import STATEMENT, StatedIncident, StatedRepository, StatedSnapshot, Statement
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.operating import pause
from tests.support.fleet.hosts import FleetHost, key_of
from tests.support.fleet.server import ServerInProcess

CUSTODIAN = key_of("custodian")


def test_a_broken_repository_is_no_good_backup(server: ServerInProcess) -> None:
    """Whatever came since: failed since the oldest incident, alarmed as that and once; well when it is mended; a pause
    hides it. Another repository is not touched."""
    trust_custodian(server.state, CUSTODIAN.public, "custodian")
    web, other = server.join(FleetHost("web01")), server.join(FleetHost("db01"))
    server.until("2027-02-02T02:10")
    server.take(other)
    made = StatedSnapshot(server.take(web), "x", server.now, server.now, "good")
    opened = server.now - 5000
    incident = StatedIncident(7, "missing", opened, "two packs are gone")
    newer = replace(incident, number=8, opened=server.now)
    well = StatedRepository(web.repository_id, "web", "well", server.now, None, True, 0, (made,), ())
    number = 0

    def state(about: StatedRepository) -> None:
        nonlocal number
        number += 1
        statement = Statement(number, server.now, (about,))
        take_statement(server.state, CUSTODIAN.sign(STATEMENT, statement.to_document()))

    state(well)
    assert server.watch("web01").judgement.state is WatchState.OK
    state(replace(well, standing="broken", incidents=(newer, incident), snapshots=()))
    found = server.watch("web01")
    assert (found.judgement.state, found.judgement.since, found.failed_since) == (WatchState.FAILED, opened, opened)
    assert found.last_good is not None and "custody incidents" in found.judgement.conditions[0].words
    assert server.watch("db01").judgement.state is WatchState.OK
    assert sorted(one.alert.kind for one in server.turn()) == ["incident", "incident"]
    pause(server.state, "web01", "", "", 3600, "moving")
    assert server.watch("web01").judgement.state is WatchState.PAUSED
    pause(server.state, "web01", "", "", 0, "")
    state(replace(well, standing="broken", snapshots=()))  # a round that could not be made is no incident
    assert server.watch("web01").failed_since == server.now
    state(replace(well, snapshots=()))
    assert server.watch("web01").judgement.state is WatchState.OK
