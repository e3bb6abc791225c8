"""M-5: does a host join once, by its own key, whatever comes twice, too late, or from somebody else?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strongroom.base.errors import ConfigurationError, Unavailable
from strongroom.fleet.protocol.enrolment import OPENED, CustodyOpened, EnrolBegin, GatewayAccess, parse_enrol_answer
from strongroom.fleet.protocol.gateway_claim import GatewayClaim
from strongroom.fleet.protocol.report import WatchTerms, parse_answer
from strongroom.fleet.protocol.signed import Forged, parse_signed
from strongroom.fleet.protocol.token import InvitationToken
from strongroom.fleet.server.app import FleetApp
from strongroom.fleet.server.attempts import WrongProofs
from strongroom.fleet.server.following.statements import trust_custodian
from strongroom.fleet.server.operating import revoke
from tests.support.fleet.asgi import AppReply, ask
from tests.support.fleet.hosts import FleetHost, key_of
from tests.support.fleet.server import ServerInProcess

BEGIN, DONE, REPORTS = "/fleet/v1/enrol/begin", "/fleet/v1/enrol/done", "/fleet/v1/reports"


class _Gateway:
    """A gateway that lets everybody in, and counts how often it was asked; away when told so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.settled: list[tuple[str, str]] = []
        self.away = False

    def admit(self, name: str, claim: GatewayClaim, number: int) -> GatewayAccess:
        if self.away:
            raise Unavailable("the gateway does not answer")
        assert number == 0 and len(claim.tokens) == 8
        self.asked.append(name)
        return GatewayAccess("https://backup:8000", name, f"hosts/{name}")

    def settle(self, name: str, host: str) -> None:
        self.settled.append((name, host))

    def revoke(self, name: str) -> None:
        """Never asked here."""


@pytest.fixture
def gateway() -> _Gateway:
    """A gateway."""
    return _Gateway()


@pytest.fixture
def app(server: ServerInProcess, gateway: _Gateway) -> Iterator[FleetApp]:
    """The server's application."""
    made = FleetApp(server.state, [gateway])  # type: ignore[list-item]
    yield made
    made.close()


def join(app: FleetApp, host: FleetHost, token: InvitationToken, address: str = "192.0.2.7") -> AppReply:
    """The first message and its answer."""
    return ask(app.starlette, BEGIN, host.begin(token).to_bytes(), address=address)


def test_a_host_joins_and_its_answer_has_a_proof(server: ServerInProcess, app: FleetApp) -> None:
    """Token, host ID, and what it may use of the gateway; then it reports."""
    host, token = FleetHost("web01"), server.invite("web01")
    message = host.begin(token)
    answer = parse_enrol_answer(ask(app.starlette, BEGIN, message.to_bytes()).body, message, token.ticket.proof_key)
    assert (answer.host, answer.name, answer.pending) == (host.pair.id, "web01", False)
    assert answer.gateways == (GatewayAccess("https://backup:8000", "web01", "hosts/web01"),)
    assert ask(app.starlette, DONE, host.done().to_bytes()).status == 200
    reply = ask(app.starlette, REPORTS, host.report(server.now, host.run(server.now)).to_bytes())
    found = parse_answer(reply.body)
    usual = 36 * 3600 + 1800 + 3600
    assert found.accepted == 1 and found.terms == (WatchTerms("home", usual, 0),)


def test_each_message_may_come_again(server: ServerInProcess, app: FleetApp, gateway: _Gateway) -> None:
    """A host that was killed after any of them goes on with the same command, and with the tokens that it made."""
    host, token = FleetHost("web01"), server.invite("web01")
    assert [join(app, host, token).status for _ in range(3)] == [200, 200, 200]
    assert gateway.asked == ["web01"] * 3
    assert [ask(app.starlette, DONE, host.done().to_bytes()).status for _ in range(2)] == [200, 200]
    assert gateway.settled == [("web01", host.pair.id)]
    refused = join(app, host, token)
    assert refused.status == 403 and "joined already" in refused.json()["title"]


def test_a_gateway_that_is_away_costs_no_ticket(server: ServerInProcess, app: FleetApp, gateway: _Gateway) -> None:
    """The host asks again, also after the ticket's end: it is in."""
    host, token = FleetHost("web01"), server.invite("web01")
    gateway.away = True
    reply = join(app, host, token)
    assert reply.status == 503 and reply.headers["retry-after"]
    gateway.away = False
    server.clock.advance(3600)
    assert join(app, host, token).status == 200


def test_another_key_with_the_same_token_is_refused_and_alarms(server: ServerInProcess, app: FleetApp) -> None:
    """One of the two was not invited, and nobody can tell which: an operator must look."""
    token = server.invite("web*")
    first, second = FleetHost("web01"), FleetHost("web02")
    assert join(app, first, token).status == 200
    reply = join(app, second, token)
    assert reply.status == 403 and "another key" in reply.json()["title"]
    assert ask(app.starlette, DONE, first.done().to_bytes()).status == 200
    assert [(one.alert.kind, one.alert.subject) for one in server.turn()] == [("token-twice", "web01")]


def test_wrong_proofs_burn_no_ticket_and_make_an_address_wait(server: ServerInProcess, app: FleetApp) -> None:
    """M-5: ten in ten minutes; others are let in meanwhile, and the address afterwards."""
    token = server.invite("web01")
    host = FleetHost("web01")
    asked = EnrolBegin(token.ticket.id, host.pair.public, "web01", "0.2")
    wrong = asked.signed(host.pair, b"x" * 32).to_bytes()
    found = [ask(app.starlette, BEGIN, wrong).status for _ in range(12)]
    assert found == [403] * 10 + [429] * 2
    assert join(app, host, token).status == 429
    assert join(app, host, token, "2001:db8::1").status == 200
    server.clock.advance(601)
    assert join(app, host, token).status == 200


def test_tokens_have_an_end_a_name_and_a_number_of_uses(server: ServerInProcess, app: FleetApp) -> None:
    """Each refusal says what to do."""
    early = server.invite("web01", minutes=1)
    server.clock.advance(60)
    reply = join(app, FleetHost("web01"), early)
    assert reply.status == 403 and "invite" in reply.json()["hint"]
    token = server.invite("web*", uses=2)
    assert join(app, FleetHost("db01"), token).status == 403
    assert join(app, FleetHost("web01"), token).status == 200
    clash = FleetHost("web01")
    clash.pair = key_of("another machine")
    assert join(app, clash, token).status == 409
    assert join(app, FleetHost("web02"), token).status == 200
    with pytest.raises(ConfigurationError, match="already"):
        server.invite("web01")


def test_a_revoked_host_is_refused_at_once_and_may_be_invited_again(server: ServerInProcess, app: FleetApp) -> None:
    """Its next report is; its past stays; a new key takes the name."""
    host = server.join(FleetHost("web01"))
    assert ask(app.starlette, REPORTS, host.report(server.now).to_bytes()).status == 200
    revoke(server.state, "web01")
    reply = ask(app.starlette, REPORTS, host.report(server.now).to_bytes())
    assert reply.status == 403 and "revoked" in reply.json()["title"]
    again = FleetHost("web01")
    again.pair = key_of("web01 reinstalled")
    assert join(app, again, server.invite("web01")).status == 200


def test_a_key_that_has_not_joined_yet_goes_on_with_another_token(server: ServerInProcess, app: FleetApp) -> None:
    """The first token's card named another place, or it was lost on the host: nobody has to know that it had begun."""
    host, first = FleetHost("web01"), server.invite("web01")
    assert ask(app.starlette, BEGIN, host.begin(first).to_bytes()).status == 200
    with pytest.raises(ConfigurationError, match="already") as refused:
        server.invite("web01")
    assert refused.value.hint is not None and "fleet revoke web01" in refused.value.hint
    revoke(server.state, "web01")
    assert ask(app.starlette, BEGIN, host.begin(first).to_bytes()).status == 403
    second = server.invite("web01")
    assert ask(app.starlette, BEGIN, host.begin(second).to_bytes()).status == 200
    thief = FleetHost("web01", key="another")
    assert ask(app.starlette, BEGIN, thief.begin(second).to_bytes()).status == 403
    assert ask(app.starlette, BEGIN, thief.begin(first).to_bytes()).status == 403
    assert ask(app.starlette, DONE, host.done().to_bytes()).status == 200
    with pytest.raises(ConfigurationError, match="already"):
        server.invite("web01")


def test_a_revoked_key_is_told_to_make_another(server: ServerInProcess, app: FleetApp) -> None:
    """Asking for a new token again and again would help nobody."""
    host = server.join(FleetHost("web01"))
    revoke(server.state, "web01")
    reply = ask(app.starlette, BEGIN, host.begin(server.invite("web01")).to_bytes())
    assert reply.status == 403 and "for a new key" in reply.json()["hint"]


def test_nobody_reports_for_another(server: ServerInProcess, app: FleetApp) -> None:
    """A forged signature, a stranger's key, a changed byte, junk: each is refused, and moves nothing."""
    host, stranger = server.join(FleetHost("web01")), FleetHost("web02")
    run = host.run(server.now)
    message = host.report(server.now, run).to_bytes()
    renamed = message.replace(host.pair.id.encode(), stranger.pair.id.encode(), 1)
    changed = message.replace(b'"code":0', b'"code":1')
    replies = [ask(app.starlette, REPORTS, one) for one in (renamed, changed, message[:-1], b"", b"x" * 600_000)]
    assert [one.status for one in replies] == [404, 403, 403, 400, 413]
    assert server.watch("web01").last_good is None
    assert ask(app.starlette, REPORTS, message).status == 200


def test_only_a_known_custodian_says_that_a_seal_opens(server: ServerInProcess, app: FleetApp) -> None:
    """Its word is kept as it was signed."""
    custodian, host = key_of("custodian"), server.join(FleetHost("web01"))
    said = CustodyOpened(host.pair.id, host.repository_id, ("ab" * 32, "cd" * 32), server.now).to_document()
    message = custodian.sign(OPENED, said)
    assert ask(app.starlette, "/fleet/v1/enrol/opened", message.to_bytes()).status == 404
    trust_custodian(server.state, custodian.public, "custodian")
    assert ask(app.starlette, "/fleet/v1/enrol/opened", message.to_bytes()).status == 200
    with pytest.raises(Forged):
        parse_signed(message.to_bytes().replace(b'"at":', b'"at":1')).verify(OPENED, custodian.public)


def test_health_says_whether_anybody_judges(server: ServerInProcess) -> None:
    """503 before the first turn, and when turns have stopped."""
    app = FleetApp(server.state, (), server.evaluator)
    assert ask(app.starlette, "/health", method="GET").status == 503
    server.turn()
    assert ask(app.starlette, "/health", method="GET").json() == {"ok": True, "judging": True}
    server.clock.advance(200)
    assert ask(app.starlette, "/health", method="GET").status == 503
    app.close()


def test_a_client_that_goes_away_is_no_fault_of_the_servers(app: FleetApp) -> None:
    """Whoever is unknown could fill the log with tracebacks."""
    for path in ("/fleet/v1/reports", "/fleet/v1/enrol/begin"):
        assert ask(app.starlette, path, b"half of a", goes_away=True).status == 503


def test_an_address_waits_no_longer_for_a_clock_that_was_set() -> None:
    """Ten minutes are ten minutes, also when the attempts were made years from now."""
    attempts = WrongProofs()
    for _ in range(10):
        attempts.failed("192.0.2.7", 2_000_000_000)
    assert attempts.must_wait("192.0.2.7", 2_000_000_000)
    assert not attempts.must_wait("192.0.2.7", 1_800_000_000)
