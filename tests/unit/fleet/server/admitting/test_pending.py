"""M-5: hosts beyond what a token lets in wait for an operator, and a crowd of them neither hides nor pushes out any."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from strongroom.base.errors import Missing, Refused
from strongroom.fleet.protocol.enrolment import GatewayAccess, parse_enrol_answer
from strongroom.fleet.protocol.gateway_claim import GatewayClaim
from strongroom.fleet.protocol.signed import Forged
from strongroom.fleet.protocol.token import InvitationToken
from strongroom.fleet.server.admitting.deciding import approve, deny, list_pending
from strongroom.fleet.server.admitting.waiting import KEPT, MOST_WAITING
from strongroom.fleet.server.app import FleetApp
from strongroom.fleet.server.pruning import prune
from strongroom.fleet.server.schemas.admitting import pending
from tests.support.fleet.asgi import AppReply, ask
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess

BEGIN, DONE = "/fleet/v1/enrol/begin", "/fleet/v1/enrol/done"


class Gateway:
    """A gateway that lets everybody in, and remembers whom."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def admit(self, name: str, _claim: GatewayClaim, _number: int) -> GatewayAccess:
        """As the server asks."""
        self.asked.append(name)
        return GatewayAccess("https://backup:8000", name, f"hosts/{name}")


@pytest.fixture
def app(server: ServerInProcess) -> Iterator[FleetApp]:
    """The server's application."""
    made = FleetApp(server.state)
    yield made
    made.close()


def join(app: FleetApp, host: FleetHost, token: InvitationToken, address: str = "192.0.2.7") -> AppReply:
    """The first message and its answer."""
    return ask(app.starlette, BEGIN, host.begin(token).to_bytes(), address=address)


def waits(app: FleetApp, host: FleetHost, token: InvitationToken, address: str = "192.0.2.7") -> bool:
    """Whether a host is told that it waits, with the server's proof."""
    message = host.begin(token)
    reply = ask(app.starlette, BEGIN, message.to_bytes(), address=address)
    assert reply.status == 200, reply.json()
    return parse_enrol_answer(reply.body, message, token.ticket.proof_key).pending


@pytest.fixture
def token(server: ServerInProcess, app: FleetApp) -> InvitationToken:
    """A token for two hosts, that both have joined by."""
    made = server.invite("web*", uses=2)
    for name in ("web01", "web02"):
        host = FleetHost(name)
        assert not waits(app, host, made)
        assert ask(app.starlette, DONE, host.done().to_bytes()).status == 200
    return made


def test_who_comes_beyond_its_uses_waits_and_is_let_in(
    server: ServerInProcess, app: FleetApp, token: InvitationToken
) -> None:
    """Whatever comes twice, and also where the token has ended meanwhile; nothing is granted before the word."""
    host = FleetHost("web03")
    assert waits(app, host, token) and waits(app, host, token)
    assert ask(app.starlette, DONE, host.done().to_bytes()).status == 404
    (row,) = list_pending(server.state)
    assert (row.name, row.id, row.pattern, row.network) == ("web03", host.pair.id, "web*", "192.0.2.7")
    server.clock.advance(3600)
    assert waits(app, host, token)
    assert [approve(server.state, "web03") for _ in range(2)] == [host.pair.id] * 2
    assert not waits(app, host, token) and not waits(app, host, token)
    assert ask(app.starlette, DONE, host.done().to_bytes()).status == 200
    assert server.watch("web03").host == "web03"
    assert list_pending(server.state) == []
    late = join(app, FleetHost("web04"), token)
    assert late.status == 403 and "ended" in late.json()["title"]


def test_one_alert_tells_of_all_that_wait(server: ServerInProcess, app: FleetApp, token: InvitationToken) -> None:
    """It ends when nobody waits any more."""
    assert waits(app, FleetHost("web03"), token) and waits(app, FleetHost("web04"), token)
    (notice,) = server.turn()
    assert (notice.alert.kind, notice.alert.critical) == ("pending", False)
    assert "2 hosts wait" in notice.alert.words and "fleet pending" in notice.alert.words
    assert server.turn() == []
    approve(server.state, "web03")
    assert deny(server.state, "web04") == 1
    assert [one.said.value for one in server.turn()] == ["resolved"]


def test_a_denied_key_is_told_so_and_comes_by_another_token(
    server: ServerInProcess, app: FleetApp, token: InvitationToken
) -> None:
    """A yes may be taken back until it is used; a token that is ended lets nobody in, and harms none that joined."""
    host, other = FleetHost("web03"), FleetHost("web04")
    assert waits(app, host, token) and waits(app, other, token)
    approve(server.state, "web03")
    assert deny(server.state, "web0[34]") == 2
    reply = join(app, host, token)
    assert reply.status == 403 and "denied" in reply.json()["title"] and "invite" in reply.json()["hint"]
    assert not waits(app, host, server.invite("web03"))
    assert deny(server.state, token=token.ticket.id) == 0
    reply = join(app, FleetHost("web05"), token)
    assert reply.status == 403 and "ended" in reply.json()["title"]
    assert server.watch("web01").host == "web01"
    for words in ({"pattern": "web09"}, {"token": "00" * 8}):
        with pytest.raises(Missing, match="no such host waits"):
            deny(server.state, **words)


def test_two_keys_under_one_name_are_told_apart_by_their_words(
    server: ServerInProcess, app: FleetApp, token: InvitationToken
) -> None:
    """M-5: Whoever has the token may take any name: an operator says which key, and the other one is not let in."""
    host, thief = FleetHost("web03"), FleetHost("web03", key="thief")
    assert waits(app, thief, token) and waits(app, host, token)
    with pytest.raises(Refused, match="several keys"):
        approve(server.state, "web03")
    approve(server.state, "web03", host.pair.id)
    assert not waits(app, host, token)
    assert ask(app.starlette, DONE, host.done().to_bytes()).status == 200
    assert waits(app, thief, token)
    approve(server.state, "web03", thief.pair.id)
    assert join(app, thief, token).status == 409


def test_a_yes_is_for_one_name(server: ServerInProcess, app: FleetApp, token: InvitationToken) -> None:
    """M-5: Whoever was let in as one host does not come in as another; nor under a name that is taken."""
    host = FleetHost("web03")
    assert waits(app, host, token)
    approve(server.state, "web03")
    host.name = "web09"
    assert waits(app, host, token)
    assert [row.name for row in list_pending(server.state)] == ["web09"]
    assert join(app, FleetHost("web01", key="thief"), token).status == 409


def test_m_5_a_flood_is_bounded_and_pushes_out_nobody_else(
    server: ServerInProcess, app: FleetApp, token: InvitationToken
) -> None:
    """M-5: a hundred wait by a token; who floods gives up his own places, and another token's hosts have theirs."""
    honest = FleetHost("web03")
    assert waits(app, honest, token, "198.51.100.1")
    for number in range(MOST_WAITING - 1):
        assert waits(app, FleetHost(f"web-x{number}"), token, f"2001:db8::{number:x}")
    flooded = join(app, FleetHost("web-more"), token, "2001:db8::ffff")
    assert flooded.status == 403 and "fleet pending" in flooded.json()["hint"]
    assert waits(app, FleetHost("web04"), token, "198.51.100.2")
    found = list_pending(server.state)
    names = [row.name for row in found]
    assert len(found) == MOST_WAITING and {"web03", "web04"} <= set(names)
    (notice,) = server.turn()
    assert notice.alert.critical and f"deny --token {token.ticket.id}" in notice.alert.words
    others = server.invite("db*", uses=2)
    for name in ("db01", "db02"):
        assert not waits(app, FleetHost(name), others)
    assert waits(app, FleetHost("db03"), others)
    approve(server.state, "web03")
    assert deny(server.state, "web-x*") == MOST_WAITING - 2
    assert {row.name for row in list_pending(server.state)} == {"db03", "web04"}
    assert not waits(app, honest, token, "198.51.100.1")


def test_nobody_waits_for_ever(server: ServerInProcess, app: FleetApp, token: InvitationToken) -> None:
    """After a week neither the asking nor the word counts, and nothing of it is kept."""
    host, other = FleetHost("web03"), FleetHost("web04")
    assert waits(app, host, token) and waits(app, other, token)
    server.clock.advance(3600)
    approve(server.state, "web04")
    server.clock.advance(KEPT - 3600)
    assert list_pending(server.state) == []
    assert "ended" in join(app, host, token).json()["title"]
    assert not waits(app, other, token)
    server.clock.advance(2)
    prune(server.state, server.now)
    with server.state.database.read() as connection:
        assert connection.execute(sa.select(pending)).all() == []


def test_a_token_for_one_host_lets_no_second_key_wait(server: ServerInProcess, app: FleetApp) -> None:
    """M-5: There a second key is somebody else: it is refused, and alarms."""
    one = server.invite("web*")
    assert not waits(app, FleetHost("web01"), one)
    assert join(app, FleetHost("web02"), one).status == 403
    assert list_pending(server.state) == []
    assert [notice.alert.kind for notice in server.turn()] == ["token-twice"]


def test_m_2_nobody_in_between_changes_the_word(server: ServerInProcess, app: FleetApp, token: InvitationToken) -> None:
    """M-2: whoever reads and changes all that passes makes neither a yes of a wait nor an old answer a new one."""
    host = FleetHost("web03")
    message = host.begin(token)
    body = ask(app.starlette, BEGIN, message.to_bytes()).body
    with pytest.raises(Forged):
        parse_enrol_answer(body.replace(b'"pending":true', b'"pending":false'), message, token.ticket.proof_key)
    again = FleetHost("web04").begin(token)
    with pytest.raises(Forged):
        parse_enrol_answer(body, again, token.ticket.proof_key)
    thief = FleetHost("web03", key="thief")
    stolen = message.to_bytes().replace(host.pair.id.encode(), thief.pair.id.encode())
    assert ask(app.starlette, BEGIN, stolen).status == 403
    assert [row.id for row in list_pending(server.state)] == [host.pair.id]


def test_no_gateway_hears_of_a_host_that_waits(server: ServerInProcess) -> None:
    """M-5: nor does the host learn where others back up, before an operator has said yes."""
    gateway, host, token = Gateway(), FleetHost("web03"), server.invite("web*", uses=2)
    app = FleetApp(server.state, [gateway])  # type: ignore[list-item]
    for name in ("web01", "web02"):
        assert not waits(app, FleetHost(name), token)
    assert waits(app, host, token)
    assert "backup" not in join(app, host, token).body.decode()
    assert gateway.asked == ["web01", "web02"]
    approve(server.state, "web03")
    assert not waits(app, host, token)
    assert gateway.asked == ["web01", "web02", "web03"]
    app.close()
