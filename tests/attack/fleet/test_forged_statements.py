"""R-13, M-2: does a statement count that the custodian did not sign, or not now, or not for this?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.errors import StrongroomError
from strongroom.base.record import replace
from strongroom.fleet.protocol.report import REPORT
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.protocol.statement import STATEMENT, StatedRepository, StatedSnapshot, Statement
from strongroom.fleet.server.app import FleetApp
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from tests.support.fleet.asgi import ask
from tests.support.fleet.hosts import FleetHost, key_of
from tests.support.fleet.server import ServerInProcess

CUSTODIAN, OTHER = key_of("custodian"), key_of("somebody else")
PATH = "/custodian/v1/statements"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerInProcess]:
    """A server that believes one custodian, and a host whose repository is in its care."""
    made = ServerInProcess(tmp_path)
    trust_custodian(made.state, CUSTODIAN.public, "card")
    yield made
    made.close()


def about(host: FleetHost, snapshot: str = "", verdict: str = "good", arrival: int = 1) -> StatedRepository:
    """Something to say of a host's repository."""
    seen = (StatedSnapshot(snapshot, "x", arrival, 1, verdict),) if snapshot else ()
    return StatedRepository(host.repository_id, "offsite", "well", 1, None, True, 0, seen, ())


def statement(server: ServerInProcess, number: int, *repositories: StatedRepository) -> SignedMessage:
    """The custodian's word."""
    return CUSTODIAN.sign(STATEMENT, Statement(number, server.now, repositories).to_document())


def test_only_the_custodians_signature_over_these_very_bytes_counts(server: ServerInProcess) -> None:
    """R-13: another key, another kind, a changed body, a host's key, a custodian's before this one: all are refused."""
    app = FleetApp(server.state)
    host = server.join(FleetHost("web01"))
    true = statement(server, 5, about(host))
    document = true.document("it")
    forged = [
        OTHER.sign(STATEMENT, document),
        CUSTODIAN.sign(REPORT, document),
        host.pair.sign(STATEMENT, document),
        replace(true, body=true.body.replace(b'"well"', b'"late"')),
        replace(OTHER.sign(STATEMENT, document), signer=CUSTODIAN.id),
    ]
    found = [ask(app.starlette, PATH, one.to_bytes()).status for one in forged]
    assert found == [404, 403, 404, 403, 403]
    assert ask(app.starlette, PATH, true.to_bytes()).json() == {"before": 0, "number": 5, "now": server.now}
    trust_custodian(server.state, OTHER.public, "card")
    assert ask(app.starlette, PATH, statement(server, 6, about(host)).to_bytes()).status == 403
    app.close()


def test_what_comes_again_or_late_changes_nothing(server: ServerInProcess) -> None:
    """A verdict that was taken back does not come back by playing the statement again that had it."""
    host = server.join(FleetHost("web01"))
    take_statement(server.state, statement(server, 1, about(host)))
    snapshot = server.take(host)
    good, bad = (statement(server, n, about(host, snapshot, v)) for n, v in ((2, "good"), (3, "bad")))
    take_statement(server.state, good)
    assert server.watch("web01").last_good == 1
    take_statement(server.state, bad)
    assert server.watch("web01").last_good is None
    assert take_statement(server.state, good).number == 3
    assert server.watch("web01").last_good is None


def test_a_played_statement_is_no_sign_of_life(server: ServerInProcess) -> None:
    """Whoever keeps the custodian away and repeats its last word hides nothing."""
    host = server.join(FleetHost("web01"))
    message = statement(server, 1, about(host))
    take_statement(server.state, message)
    server.clock.advance(30 * 3600)
    take_statement(server.state, message)
    assert {one.kind for one in server.standing().wrong if not one.host} == {"custodian", "round"}


def test_an_arrival_that_is_still_to_come_counts_from_now(server: ServerInProcess) -> None:
    """A wrong clock at the custodian lets no backup be late later than it is."""
    host = server.join(FleetHost("web01"))
    take_statement(server.state, statement(server, 1, about(host)))
    snapshot = server.take(host)
    take_statement(server.state, statement(server, 2, about(host, snapshot, "good", server.now + 10**8)))
    assert server.watch("web01").last_good == server.now


@pytest.mark.parametrize(
    "change",
    [
        {"number": 0},
        {"number": "7"},
        {"at": -1},
        {"next_by": "soon"},
        {"repositories": [{}]},
        {"repositories": [7]},
        {"repositories": [None] * 201},
        {"version": 0},
    ],
)
def test_a_statement_that_is_none_is_refused_whole(server: ServerInProcess, change: dict[str, object]) -> None:
    """Signed or not: nothing of it is taken, and the next one is."""
    host = server.join(FleetHost("web01"))
    document = statement(server, 1, about(host)).document("it")
    with pytest.raises(StrongroomError):
        take_statement(server.state, CUSTODIAN.sign(STATEMENT, document | change))
    assert take_statement(server.state, statement(server, 1, about(host))).before == 0
