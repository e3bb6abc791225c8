"""M-5: what is critical waits a minute, and not ten, behind what a channel had to say before."""

from __future__ import annotations

from types import SimpleNamespace

from strongroom.fleet.server.channels.messages import in_messages
from strongroom.fleet.server.joining import CLONED, note_suspicion
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.phones import Phones
from tests.support.fleet.server import ServerInProcess
from tests.support.servers.sinks import web_sink


def test_what_is_critical_goes_out_within_a_minute_though_a_channel_is_full(server: ServerInProcess) -> None:
    """Ten messages, then one a minute for what is critical alone; warnings wait for room, and nothing comes twice."""
    hosts = [server.join(FleetHost(f"web{number:02}")) for number in range(15)]

    def suspect(number: int) -> None:
        note_suspicion(server.state, hosts[number].pair.id, CLONED, "two machines")

    with web_sink() as sink:
        phones = Phones(server)
        phones.add("all", sink)
        for number in range(12):
            suspect(number)
        phones.turn()
        assert len(phones.heard("all")) == 10
        for number in (12, 13):
            suspect(number)
        server.take(hosts[14], code=1)
        server.clock.advance(59)
        phones.turn()
        assert phones.heard("all") == []
        server.clock.advance(1)
        phones.turn()
        assert phones.heard("all") == ["[critical] 2 messages about the fleet"]
        phones.turn()
        server.clock.advance(60)
        phones.turn()
        assert phones.heard("all") == []
        server.clock.advance(480)
        phones.turn()
        assert [one.split(":")[:2] for one in phones.heard("all")] == [["[warning] opened", " web14/home/offsite"]]


def test_a_summary_names_what_is_critical_first() -> None:
    """It has two hundred lines; the one for which somebody should get up is among them."""
    severities = ["warning"] * 300 + ["critical"]
    rows = [
        SimpleNamespace(number=number, digest=0, subject=f"[{severity}] opened: {number}", body="")
        for number, severity in enumerate(severities)
    ]
    single, ((summary, about),) = in_messages(rows, 0, 600)
    assert (len(single), len(about), summary.subject) == (9, 292, "[critical] 292 messages about the fleet")
    lines = summary.body.splitlines()
    assert lines[:2] == ["[critical] opened: 300", "[warning] opened: 9"] and len(lines) == 201
