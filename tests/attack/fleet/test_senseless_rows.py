"""M-2, M-3: rows of the server's database that make no sense are alarms themselves, and hide none of another host."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.fleet.server.api.reading import hosts
from strongroom.fleet.server.api.tokens import ApiToken
from strongroom.fleet.server.channels import kinds
from strongroom.fleet.server.channels.delivering import Deliverer
from strongroom.fleet.server.following.places import joined_at
from strongroom.fleet.server.schemas import alerting, following
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.sealing import seal_of
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess

SENSELESS = ("junk", b"\xff\xfe", "[" * 3000, (1 << 63) - 1)
TABLES = (schema.host, schema.gap, schema.suspicion, schema.claim, schema.watch, schema.custodian, schema.stated)
FOLLOWED = (following.log, following.place, following.asked, following.begun, following.clock, following.certificate)
ROOM = (following.quota, following.quota_look)
SAID = (alerting.channel, alerting.alert, alerting.opening, alerting.notice)
OLD = 1_800_000_000
EVERYTHING = ApiToken("all", "id", b"", "*", 0, 0)


def _fill(server: ServerInProcess, host: FleetHost) -> None:
    """A row of each table about this host, or about nothing."""
    now, mine = server.now, {"host": host.pair.id}
    stated = {"repository": host.repository_id, "name": "r", "custodian": "c", "standing": "good", "at": now}
    stated |= dict.fromkeys(("round_ended", "round_before", "round_long_before", "drilled"), now)
    incidents = '[{"code": "missing", "number": 1, "words": "gone"}]'
    channel = {"kind": "ntfy", "settings": "{}", "code_sha256": "", "sent_to": 0, "proven": now}
    log = {"gateway": "g", "url": "https://backup", "key": "k", "size": 1, "edge": b"", "since": OLD, "read": now}
    quota = {"gateway": "g", "principal": "p", "unit": "bytes", "name": "db01"}
    rows: tuple[tuple[sa.Table, dict[str, object]], ...] = (
        (schema.gap, mine | {"first": 1, "last": 2, "seen": OLD}),
        (schema.suspicion, mine | {"code": "longer", "since": OLD, "words": "w"}),
        (schema.claim, {**mine, "repository": host.repository_id, "snapshot": "ab" * 32} | _of("home", OLD)),
        (schema.custodian, {"id": "c", "public": b"1" * 32, "number": 1, "heard": now, "name": "custodian"}),
        (schema.stated, stated | {"drill_sound": 1, "plans_waiting": 0, "incidents": incidents}),
        (following.log, log | {"trouble": "", "doubt": ""}),
        (following.place, {"gateway": "g", "repository": "r", "path": "p", "name": "offsite", "uploaded": OLD} | mine),
        (following.asked, {"custodian": "c", "at": now}),
        (following.begun, mine | {"source": "home", "at": OLD}),
        (following.clock, {"gateway": "g", "ahead": 0, "at": now}),
        (following.certificate, {"gateway": "g", "until": now, "seen": now}),
        (following.quota, quota | {"used": 9, "most": 10, "warned": 1}),
        (following.quota_look, {"gateway": "g", "at": now}),
        (alerting.channel, channel | {"name": "one", "trouble": f"{OLD} x"}),
    )
    with server.state.database.write() as connection:
        for table, row in rows:
            connection.execute(table.insert(), row)


def _of(source: str, at: int) -> dict[str, object]:
    return {"source": source, "name": "offsite", "at": at}


def test_no_row_that_makes_no_sense_blinds_the_server_to_other_hosts(tmp_path: Path) -> None:
    """M-2, M-3: Each column of each table holds what it never should; the other host's late backup is said each time,
    and alerts go on."""
    server = ServerInProcess(tmp_path)
    server.join(FleetHost("web01"))
    host = server.join(FleetHost("bad"))
    server.take(host)
    _fill(server, host)
    server.clock.advance(5 * 86400)
    server.turn()
    columns = [(table, column) for table in (*TABLES, *FOLLOWED, *ROOM, *SAID) for column in table.c]
    cases = [(*one, SENSELESS[number % len(SENSELESS)]) for number, one in enumerate(columns)]
    cases += [(schema.stated, schema.stated.c.incidents, one) for one in SENSELESS]
    cases += [(schema.host, column, one) for column in (schema.host.c.done, schema.host.c.places) for one in SENSELESS]
    blinded = [
        f"{table.name}.{column.name}: {str(value)[:8]!r}"
        for table, column, value in cases
        if not _turns(server, table, column, host, value)
    ]
    server.close()
    assert not blinded


def _turns(server: ServerInProcess, table: sa.Table, column: sa.Column[object], host: FleetHost, value: object) -> bool:
    """Whether the server judges and alarms with this value in each row of the host's, which is as it was afterwards."""
    its = "host" if table in (schema.gap, schema.suspicion, schema.claim, schema.watch) else "id"
    where = f"WHERE {its} = '{host.pair.id}'" if its in table.c and table is not schema.custodian else ""
    state = server.state
    with state.database.write() as connection:
        kept = connection.execute(sa.text(f"SELECT * FROM {table.name}")).all()
        try:
            with connection.begin_nested():
                connection.execute(sa.text(f"UPDATE {table.name} SET {column.name} = :value {where}"), {"value": value})
        except sa.exc.IntegrityError:
            return True  # the database refuses it
    try:
        found = server.standing()
        server.turn()
        with state.database.read() as connection:
            joined_at(connection, "https://backup")
        assert "web01" in {one.name for one in hosts(state, EVERYTHING)}
        seen = any(one.subject.startswith("web01") for one in found.wrong)
    except Exception:
        seen = False
    with state.database.write() as connection:
        names = [one.name for one in table.c]
        connection.execute(sa.text(f"DELETE FROM {table.name}"))
        values = ", ".join(f":{name}" for name in names)
        rows = [{name: getattr(row, name) for name in names} for row in kept]
        if rows:
            connection.execute(sa.text(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values})"), rows)
    return seen


def test_a_channel_that_makes_no_sense_keeps_no_other_from_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-2, M-3: It counts as one that fails, which the others say."""
    said: list[str] = []
    monkeypatch.setitem(kinds._WAYS, "ntfy", lambda _settings, message, _now: said.append(message.subject))
    server = ServerInProcess(tmp_path)
    server.join(FleetHost("web01"))
    with server.state.database.write() as connection:
        for name, settings in (("a", "[" * 3000), ("b", '{"url": "http://x/"}'), ("c", '{"zone": "nowhere"}')):
            row = {"name": name, "kind": "ntfy", "settings": settings, "code_sha256": "", "sent_to": 0, "trouble": ""}
            row["seal"] = seal_of(server.state.channels_key, name, "ntfy", settings)
            connection.execute(alerting.channel.insert(), row | {"proven": server.now})
    server.clock.advance(5 * 86400)
    server.turn()
    Deliverer(server.state, lambda: True).turn()
    assert any("web01" in one for one in said)
    server.clock.advance(3700)
    server.turn()
    Deliverer(server.state, lambda: True).turn()
    assert {one for one in "abc" if any(f"channel {one}:" in words for words in said)} == {"a", "c"}
    server.close()
