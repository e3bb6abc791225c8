"""M-2, M-3: whoever has the server's database alone, and edits it, steers neither its secrets nor the hosts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Refused
from strongroom.fleet.protocol.report import parse_answer
from strongroom.fleet.protocol.signed import Forged
from strongroom.fleet.server.channels.delivering import Deliverer, add_channel, prove_channel, send_test
from strongroom.fleet.server.intake import take_report
from strongroom.fleet.server.requests import ask_host
from strongroom.fleet.server.schemas import alerting
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.sealing import FILE
from strongroom.fleet.server.state import FleetState
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess
from tests.support.programs import Strongroom
from tests.support.servers.sinks import WebSink, web_sink

SECRET = "the-enrollers-token"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerInProcess]:
    """A server with a host and a secret in a file."""
    made = ServerInProcess(tmp_path)
    made.take(made.join(FleetHost("web01")))
    (tmp_path / "enroller").write_text(SECRET + "\n")
    yield made
    made.close()


@pytest.fixture
def sinks() -> Iterator[tuple[WebSink, WebSink, WebSink]]:
    """Two of an operator's, and an attacker's."""
    with web_sink() as ours, web_sink() as other, web_sink() as theirs:
        yield ours, other, theirs


def _add(state: FleetState, name: str, kind: str, sink: WebSink) -> None:
    """A proven channel."""
    add_channel(state, name, kind, {"url": sink.url})
    send_test(state, name)
    code = re.search(rb"prove \S+ (\d{6})", sink.posted.pop()[1])
    assert code is not None
    prove_channel(state, name, code[1].decode())


def _edit(state: FleetState, table: sa.Table, where: sa.ColumnElement[bool], **values: object) -> None:
    with state.database.write() as connection:
        assert connection.execute(table.update().where(where).values(**values)).rowcount


def _turn(server: ServerInProcess, seconds: int = 0) -> None:
    server.clock.advance(seconds)
    server.turn()
    Deliverer(server.state, server.evaluator.leads).turn()


def test_a_channel_that_was_pointed_elsewhere_carries_no_secret(
    server: ServerInProcess, sinks: tuple[WebSink, WebSink, WebSink], tmp_path: Path
) -> None:
    """M-2, M-3: its own address and any file of the server as the password: nothing is sent, and the others say so."""
    ours, other, theirs = sinks
    _add(server.state, "phone", "ntfy", ours)
    _add(server.state, "ops", "ntfy", other)
    evil = json.dumps({"url": theirs.url, "token_file": str(tmp_path / "enroller")})
    channel = alerting.channel
    _edit(server.state, channel, channel.c.name == "phone", settings=evil)
    with server.state.database.write() as connection:  # and one that it made itself, with the seal of another
        row = connection.execute(sa.select(channel).where(channel.c.name == "ops")).one()._mapping
        connection.execute(channel.insert(), {**row, "name": "mine", "settings": evil})
        connection.execute(channel.insert(), {**row, "name": "again", "kind": "healthchecks"})
    _turn(server, 5 * 86400)
    with pytest.raises(Refused):
        send_test(server.state, "phone")
    assert theirs.posted == [] and ours.posted == []
    said = [headers["title"] for headers, _ in other.posted]
    assert {name for name in ("phone", "mine", "again") if any(f"channel {name}:" in one for one in said)} == {
        "phone",
        "mine",
        "again",
    }
    assert any("web01" in one for one in said)


def test_where_no_channel_is_as_it_was_made_nobody_hears_that_all_is_well(
    server: ServerInProcess, sinks: tuple[WebSink, WebSink, WebSink]
) -> None:
    """M-2, M-3: a ping from outside is what is missed then."""
    ours, other, theirs = sinks
    _add(server.state, "phone", "ntfy", ours)
    _add(server.state, "outside", "healthchecks", other)
    _turn(server)
    assert other.posted
    other.posted.clear()
    _edit(server.state, alerting.channel, alerting.channel.c.name == "phone", settings=json.dumps({"url": theirs.url}))
    for _ in range(3):
        _turn(server, 3600)
    assert theirs.posted == other.posted == []


def test_channels_of_a_version_without_seals_go_on(
    server: ServerInProcess, sinks: tuple[WebSink, WebSink, WebSink], tmp_path: Path
) -> None:
    """They are sealed once, as they are; a key that is gone later is no reason to do it anew."""
    _add(server.state, "phone", "ntfy", sinks[0])
    folder, table = str(tmp_path / "fleet"), alerting.channel
    os.unlink(os.path.join(folder, FILE))
    _edit(server.state, table, table.c.name == "phone", seal="")
    with FleetState(folder) as state:
        send_test(state, "phone")
        mode = os.stat(os.path.join(folder, FILE)).st_mode
        assert mode & 0o777 == 0o600
    _edit(server.state, table, table.c.name == "phone", seal="")
    with FleetState(folder) as state, pytest.raises(Refused):
        send_test(state, "phone")
    os.unlink(os.path.join(folder, FILE))
    _edit(server.state, table, table.c.name == "phone", seal="00")
    with FleetState(folder) as state:
        with pytest.raises(ConfigurationError):
            add_channel(state, "other", "ntfy", {"url": sinks[1].url})
        with pytest.raises(Refused):
            send_test(state, "phone")


def test_keys_that_were_exchanged_speak_for_nobody(server: ServerInProcess) -> None:
    """M-2, M-3: a host's ID is the hash of its key: a key in another's row is refused, also with the ID changed."""
    web01, thief = FleetHost("web01"), FleetHost("thief")
    web01.sequence, web01.previous = 1, _head(server, web01)
    server.join(thief)
    before = server.watch("web01")
    _edit(server.state, schema.host, schema.host.c.id == web01.pair.id, public=thief.pair.public)
    forged = thief.pair.sign("report", web01.report(server.now).document("it"))
    forged = type(forged)(forged.kind, web01.pair.id, forged.signature, forged.body)
    with server.state.database.write() as connection, pytest.raises(Forged):
        take_report(connection, forged, server.now)
    assert server.watch("web01") == before


def _head(server: ServerInProcess, host: FleetHost) -> str:
    with server.state.database.read() as connection:
        query = sa.select(schema.host.c.head).where(schema.host.c.id == host.pair.id)
        return str(connection.execute(query).scalar_one())


def test_what_stands_in_the_database_steers_no_terminal(server: ServerInProcess, tmp_path: Path) -> None:
    """E-5: names, alerts, channels and answers that somebody wrote there with a terminal's own words."""
    evil, state = "\x1b]0;owned\x07\x1b[2Jweb\u202e01", server.state
    server.clock.advance(5 * 86400)
    server.turn()
    ask_host(state, "web01", "run", "home")
    add_channel(state, "phone", "ntfy", {"url": "https://ntfy.example.org/x"})
    for table, columns in (
        (schema.watch, ("source", "repository")),
        (schema.request, ("words", "outcome")),
        (alerting.alert, ("subject", "kind", "words")),
        (alerting.channel, ("name", "kind", "trouble")),
    ):
        _edit(state, table, sa.true(), **dict.fromkeys(columns, evil))
    (tmp_path / "fleet" / "fleet.toml").write_text('version = 1\n[server]\nurl = "https://fleet:8040"\n')
    command = Strongroom(tmp_path / "home")
    place = {"STRONGROOM_FLEET_STATE": str(tmp_path / "fleet")}
    said = [command.run("fleet", "ask", "web01", env=place).out]
    _edit(state, schema.host, sa.true(), name=evil)
    for words in (["status"], ["alerts"], ["channels", "list"], ["pause", "x", "--reason", "y"]):
        result = command.run("fleet", *words, env=place)
        said.append(result.out + result.err)
    assert all("owned" in one for one in said)
    assert not any(mark in one for one in said for mark in "\x1b\x07\u202e")


@pytest.mark.parametrize(
    "changed", [{"wish": "restore"}, {"id": "rm -rf /"}, {"source": "x" * 64}, {"source": "\0"}, {"id": ""}]
)
def test_a_request_that_no_host_can_read_holds_up_none_of_its_reports(
    server: ServerInProcess, changed: dict[str, object]
) -> None:
    """M-2, M-3: it is left out; a host would take the whole answer for none, and send the same report for ever."""
    host = server.join(FleetHost("web02"))
    ask_host(server.state, "web02", "run", "home")
    _edit(server.state, schema.request, schema.request.c.host == host.pair.id, **changed)
    _edit(server.state, schema.watch, schema.watch.c.host == host.pair.id, late=server.now, twice=0)
    with server.state.database.write() as connection:
        answer = take_report(connection, host.report(server.now), server.now)
    assert parse_answer(answer.to_bytes()).requests == ()
