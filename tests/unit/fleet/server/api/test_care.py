"""The API beyond single backups: snapshots through time, what is in care, what waits for a person, and who sees it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from strongroom.fleet.protocol.report import REPORT
from strongroom.fleet.protocol.signed import parse_signed
from strongroom.fleet.protocol.statement import STATEMENT, StatedIncident, StatedRepository, StatedSnapshot, Statement
from strongroom.fleet.server.api.tokens import make_token
from strongroom.fleet.server.app import FleetApp
from strongroom.fleet.server.following.gateway_source import UsedQuota
from strongroom.fleet.server.following.quotas import EVERYBODY, look_at_quotas
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from tests.support.fleet.asgi import ask
from tests.support.fleet.gateway import LoggingGateway
from tests.support.fleet.hosts import FleetHost, key_of
from tests.support.fleet.server import ServerInProcess

CUSTODIAN = key_of("custodian")


def snapshot(name: str, arrival: int, verdict: str) -> StatedSnapshot:
    """As the custodian states it."""
    return StatedSnapshot(hashlib.sha256(name.encode()).hexdigest(), "x", arrival, arrival, verdict)


class Quotas:
    """A gateway that says who may store how much."""

    def quotas(self) -> list[UsedQuota]:
        """As the server asks."""
        return [UsedQuota("1", "web01", "bytes", 95, 100), UsedQuota(EVERYBODY, EVERYBODY, "bytes", 1, 9)]


class Reader:
    """A program with a token."""

    def __init__(self, app: FleetApp, server: ServerInProcess, hosts: str) -> None:
        self.app, self.server, self.hosts = app, server, hosts
        self.token = make_token(server.state, hosts.replace("*", "all"), hosts, 9)

    def get(self, path: str) -> dict[str, Any]:
        """What it reads."""
        headers = {"Authorization": f"Bearer {self.token}"}
        reply = ask(self.app.starlette, f"/api/v1/{path}", method="GET", headers=headers)
        assert reply.status == 200, reply.body
        found: dict[str, Any] = reply.json()
        return found

    def items(self, path: str) -> list[dict[str, Any]]:
        """All that there is, page by page of one."""
        found, following = [], ""
        while following is not None:
            page = self.get(f"{path}?limit=1{following and '&cursor=' + following}")
            assert len(page["items"]) <= 1
            found += page["items"]
            following = page["next"]
        assert found == self.get(path)["items"]
        return found


@pytest.fixture
def app(server: ServerInProcess) -> Iterator[FleetApp]:
    """Two hosts: one in care whose custodian has much to say, one with stock restic; one more waits to be let in."""
    trust_custodian(server.state, CUSTODIAN.public, "custodian")
    web = server.join(FleetHost("web01"))
    server.join(FleetHost("db01"))
    server.until("2027-02-02T02:10")
    made = server.take(web)
    gateway = LoggingGateway(server)
    for hours in (3, 2, 2):
        gateway.snapshot("old; reboot", "old01", at=server.now - hours * 3600)
    gateway.follow()
    stated = (
        snapshot("a", server.now - 7200, "good"),
        snapshot("b", server.now - 7200, "suspicious"),
        StatedSnapshot(made, "x", server.now, server.now, "good"),
    )
    incident = StatedIncident(7, "missing", server.now, "two packs are gone")
    about = StatedRepository(web.repository_id, "web", "frozen", server.now, None, True, 2, stated, (incident,))
    statement = Statement(1, server.now, (about,))
    take_statement(server.state, CUSTODIAN.sign(STATEMENT, statement.to_document()))
    look_at_quotas(server.state, "offsite", Quotas())
    copy = web.copy()
    for one in (copy, web):
        server.clock.advance(60)
        server.take(one)
    made_app = FleetApp(server.state)
    token = server.invite("app*", uses=2, minutes=600)
    for name in ("app01", "app02", "app03"):
        assert ask(made_app.starlette, "/fleet/v1/enrol/begin", FleetHost(name).begin(token).to_bytes()).status == 200
    yield made_app
    made_app.close()


def test_snapshots_are_one_line_through_time(server: ServerInProcess, app: FleetApp) -> None:
    """Newest first, each once, by whatever was seen; what a host alone says is none; another's are not shown."""
    reader = Reader(app, server, "*")
    found = reader.items("hosts/web01/snapshots")
    assert [one["arrival"] for one in found] == sorted((one["arrival"] for one in found), reverse=True)
    assert next(one["verdict"] for one in found) == "good"
    assert sorted(one["verdict"] for one in found) == ["good", "good", "suspicious"]
    assert {one["repository"] for one in found} == {"offsite"} and not any(one["receipt"] for one in found)
    (old,) = [one["name"] for one in reader.get("hosts")["items"] if one["profile"] == "receipts"]
    assert old == "old; reboot"
    assert reader.items("hosts/db01/snapshots") == []
    with server.state.database.write() as connection:
        connection.exec_driver_sql("UPDATE fleet_seen SET host = 'another' WHERE verdict = 'suspicious'")
    assert [one["verdict"] for one in reader.items("hosts/web01/snapshots")] == ["good", "good"]
    with server.state.database.write() as connection:
        connection.exec_driver_sql("UPDATE fleet_repository SET host = 'another'")
    assert reader.items("hosts/web01/snapshots") == []


def test_reports_are_shown_as_they_were_signed(server: ServerInProcess, app: FleetApp) -> None:
    """Byte for byte, a fork's both, and so that whoever has the host's key need not believe this server."""
    reader, key = Reader(app, server, "*"), key_of("web01")
    found = reader.items("hosts/web01/reports")
    assert [one["sequence"] for one in found] == [2, 2, 1] and len({one["sha256"] for one in found}) == 3
    for one in found:
        message = parse_signed(one["message"].encode())
        message.verify(REPORT, key.public)
        assert message.sha256 == one["sha256"]


def test_a_host_with_no_agent_has_a_line_by_its_receipts(server: ServerInProcess, app: FleetApp) -> None:
    """Also two of one second."""
    gateway = LoggingGateway(server)
    for hours in (3, 2, 2):
        gateway.snapshot("plain", "plain", at=server.now - hours * 3600)
    with server.state.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM fleet_log")
    gateway.follow()
    found = Reader(app, server, "*").items("hosts/plain/snapshots")
    assert len({one["id"] for one in found}) == 3 and all(one["receipt"] for one in found)
    assert [one["verdict"] for one in found] == ["", "", ""]


def test_what_waits_for_a_person_has_the_command(server: ServerInProcess, app: FleetApp) -> None:
    """Hosts to be let in or believed, snapshots to be judged, plans; a name is quoted as a shell needs it."""
    found = {one["kind"]: one for one in Reader(app, server, "*").items("decisions")}
    assert set(found) == {"admit", "believe", "judge", "plan"}
    assert found["admit"]["command"].startswith("strongroom fleet approve app03 --key ")
    assert found["believe"]["command"] == "strongroom fleet alerts --believe web01"
    assert "1 snapshot is suspicious" in found["judge"]["words"] and found["judge"]["host"] == "web01"
    assert "2 plans wait" in found["plan"]["words"]


def test_a_log_in_doubt_waits_for_a_person(server: ServerInProcess, app: FleetApp) -> None:
    """What is pasted into a shell is one word, whatever it is called."""
    with server.state.database.write() as connection:
        connection.exec_driver_sql("UPDATE fleet_log SET doubt = 'it is forked', gateway = 'x; reboot'")
    reader = Reader(app, server, "*")
    found = {one["kind"]: one for one in reader.items("decisions")}
    assert found["log"]["command"] == "strongroom fleet alerts --believe 'x; reboot'"
    (one,) = reader.items("gateways")
    assert (one["name"], one["doubt"], one["entries"]) == ("x; reboot", "it is forked", 3)


def test_what_is_in_care(server: ServerInProcess, app: FleetApp) -> None:
    """As it was stated last, with the host that made it; a row that makes no sense hides nothing else."""
    reader = Reader(app, server, "*")
    (one,) = reader.items("repositories")
    assert (one["name"], one["host"], one["standing"], one["plans_waiting"]) == ("web", "web01", "frozen", 2)
    assert one["incidents"] == 1
    (incident,) = reader.items("incidents")
    assert (incident["number"], incident["code"], incident["host"]) == (7, "missing", "web01")
    assert [(one["name"], one["used"], one["most"]) for one in reader.items("quotas")] == [
        ("*", 1, 9), ("web01", 95, 100),
    ]  # fmt: skip
    assert all(0 <= server.state.now() - one["said"] <= 600 for one in reader.items("quotas"))
    with server.state.database.write() as connection:
        connection.exec_driver_sql("UPDATE fleet_stated SET incidents = '[1]'")
    assert reader.get("incidents")["items"] == []


def test_invitations_are_shown_without_their_secrets(server: ServerInProcess, app: FleetApp) -> None:
    """Those that count still."""
    reader = Reader(app, server, "*")
    (one,) = [one for one in reader.items("invitations") if one["name"] == "app*"]
    assert (one["uses"], one["profile"], one["replaces"]) == (0, "server", False)
    assert set(one) == {"id", "name", "profile", "uses", "made", "until", "replaces"}
    server.clock.advance(36000)
    assert reader.items("invitations") == []


def test_a_token_for_some_hosts_sees_theirs_alone(server: ServerInProcess, app: FleetApp) -> None:
    """Nothing of another host, of gateways, invitations, or of who waits to be let in."""
    team, web = Reader(app, server, "db*"), Reader(app, server, "web*")
    for path in ("repositories", "incidents", "decisions", "invitations", "gateways", "quotas"):
        assert team.items(path) == [], path
    headers = {"Authorization": f"Bearer {team.token}"}
    other = ask(app.starlette, "/api/v1/hosts/web01/snapshots", method="GET", headers=headers)
    assert other.status == 404
    assert [one["name"] for one in web.items("quotas")] == ["web01"]
    assert {one["kind"] for one in web.items("decisions")} == {"believe", "judge", "plan"}
