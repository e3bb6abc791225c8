"""R-13: does the fleet's server hear all that the custodian knows, also after either of them was set back?"""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from strongroom.base.errors import Damaged, Unavailable
from strongroom.custody.deciding import condemn_snapshot
from strongroom.custody.planned.plans import approve
from strongroom.custody.schemas import telling
from strongroom.custody.schemas.main import repository, snapshot
from strongroom.fleet.custodian.telling import CustodianLink, ToldCount, open_keys_at, tell_server, told_server
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.protocol.statement import STATEMENT, StatementAnswer, parse_statement
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.schemas import main as schema
from tests.support.custody.in_process import DAY, Custody, Host
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess

HOUR = 3600


def link(custody: Custody, server: ServerInProcess) -> CustodianLink:
    """The custodian's line to this server, which believes it."""
    tell_server(custody.state, "https://fleet:8040", "", "test")
    trust_custodian(server.state, custody.signer.verifier.public, "card")
    return CustodianLink(
        custody.state, custody.signer, lambda _path, message: take_statement(server.state, message).to_bytes()
    )


def verdicts(server: ServerInProcess) -> dict[str, str]:
    """What the server knows of snapshots."""
    with server.state.database.read() as connection:
        return {row.snapshot: row.verdict for row in connection.execute(sa.select(schema.seen))}


def kinds(server: ServerInProcess) -> set[tuple[str, bool]]:
    """What is wrong, and whether it is critical."""
    return {(one.kind, one.critical) for one in server.standing().wrong}


def test_news_is_told_once(custody: Custody, host: Host, server: ServerInProcess) -> None:
    """The first statement tells all, the next one what is new, and how it stands each time."""
    line = link(custody, server)
    assert line.tell(following=True) == ToldCount(1, 1)
    assert line.tell(following=True) == ToldCount(1, 0)
    custody.clock.advance(DAY)
    fresh = host.backup()
    custody.round()
    assert line.tell(following=True) == ToldCount(1, 1)
    assert verdicts(server)[fresh] == "good" and len(verdicts(server)) == 2
    with server.state.database.read() as connection:
        row = connection.execute(sa.select(schema.stated)).one()
    assert (row.name, row.standing, row.round_ended) == ("web", "well", server.now)


def test_a_hosts_backup_is_good_once_the_custodian_says_so(
    custody: Custody, host: Host, server: ServerInProcess
) -> None:
    """From a report to `verified`: the host's word, the custodian's round, its statement."""
    line = link(custody, server)
    line.tell(following=True)
    machine = server.join(FleetHost("web01", repository_id=custody.adopted.id))
    custody.clock.advance(14 * HOUR)
    server.take(machine, snapshot=host.backup())
    assert server.watch("web01").judgement.state is WatchState.NEVER
    custody.clock.advance(HOUR)
    custody.round()
    line.tell(following=True)
    watch = server.watch("web01")
    assert (watch.judgement.state, watch.evidence, watch.verified) == (WatchState.OK, "custodian", server.now)


def test_a_backup_that_is_condemned_is_the_last_good_no_more(
    custody: Custody, host: Host, server: ServerInProcess
) -> None:
    """A verdict that changes takes back what it made, and the one before counts."""
    line = link(custody, server)
    machine = server.join(FleetHost("web01", repository_id=custody.adopted.id))
    made = []
    for _ in range(2):
        custody.clock.advance(DAY)
        made.append(host.backup())
        server.take(machine, snapshot=made[-1])
        custody.round()
        line.tell(following=True)
    before = server.watch("web01").last_good
    condemn_snapshot(custody.state, custody.adopted, made[-1], "test", "planted")
    line.tell(following=True)
    after = server.watch("web01").last_good
    assert before is not None and after == before - DAY and verdicts(server)[made[-1]] == "bad"


def test_a_server_that_lost_its_memory_hears_all_again(custody: Custody, server: ServerInProcess) -> None:
    """Another database, or an older copy of it, names an older number than was confirmed."""
    line = link(custody, server)
    line.tell(following=True)
    with server.state.database.write() as connection:
        connection.execute(schema.seen.delete())
        connection.execute(schema.custodian.update().values(number=0))
    line.tell(following=True)
    assert len(verdicts(server)) == 1


def test_a_state_that_was_copied_back_goes_on_after_its_last_number(custody: Custody, server: ServerInProcess) -> None:
    """Its numbers were used before; the server takes none of them twice, and what is said next counts."""
    line = link(custody, server)
    for _ in range(3):
        line.tell(following=True)
    with custody.state.database.write() as connection:
        connection.execute(telling.server.update().values(number=1, taken=1))
    line.tell(following=True)
    with custody.state.database.read() as connection:
        assert connection.execute(sa.select(telling.server.c.number, telling.server.c.taken)).one() == (4, 4)


def test_a_repository_out_of_care_is_forgotten(custody: Custody, server: ServerInProcess) -> None:
    """Nobody alarms about rounds that are not due any more."""
    line = link(custody, server)
    line.tell(following=True)
    with custody.state.database.write() as connection:
        connection.execute(repository.update().values(retired_ns=1))
    line.tell(following=True)
    custody.clock.advance(100 * HOUR)
    line.tell(following=True)
    assert kinds(server) == set()


def test_statements_that_stop_are_an_alarm(custody: Custody, server: ServerInProcess) -> None:
    """Five minutes and half an hour after the last of one that follows; a day after a round that told by itself."""
    line = link(custody, server)
    line.tell(following=False)
    custody.clock.advance(26 * HOUR)
    assert kinds(server) == set()
    line.tell(following=True)
    custody.clock.advance(34 * 60)
    assert ("custodian", False) not in kinds(server)
    custody.clock.advance(120)
    assert ("custodian", False) in kinds(server)
    custody.clock.advance(2 * HOUR)
    assert ("custodian", True) in kinds(server)
    line.tell(following=True)
    assert not {one for one, _ in kinds(server)} & {"custodian"}


def test_rounds_that_stop_are_an_alarm_though_statements_come(custody: Custody, server: ServerInProcess) -> None:
    """The timer of the rounds is dead, and the follower is not."""
    line = link(custody, server)
    custody.clock.advance(27 * HOUR)
    line.tell(following=True)
    assert kinds(server) == {("round", False)}
    custody.clock.advance(30 * HOUR)
    line.tell(following=True)
    assert kinds(server) == {("round", True)}


def _keep_daily(custody: Custody, count: int) -> None:
    policy = json.dumps(json.loads(custody.adopted.policy.encode()) | {"daily": count})
    with custody.state.database.write() as connection:
        connection.execute(repository.update().values(policy=policy))


def test_a_plan_that_a_breaker_holds_back_is_critical_until_somebody_decides(
    custody: Custody, host: Host, server: ServerInProcess
) -> None:
    """Much would go at once, and who does not look at plans would not hear of it; an approval ends it."""
    line = link(custody, server)
    _keep_daily(custody, 30)
    for _ in range(7):
        host.backup()
        custody.clock.advance(DAY)
        custody.round()
    assert custody.round().plans == []
    _keep_daily(custody, 1)
    (plan,) = custody.round().plans
    line.tell(following=True)
    (alert,) = [one for one in server.standing().wrong if one.kind == "breaker"]
    assert alert.critical and alert.subject == f"web/breaker/{plan.number}"
    assert "more than 25%" in alert.words and "custody plan show web" in alert.words
    approve(custody.state, custody.adopted, plan.number, "test", "meant")
    line.tell(following=True)
    assert "breaker" not in {kind for kind, _ in kinds(server)}


def test_a_server_that_is_away_is_kept_in_mind(custody: Custody, server: ServerInProcess) -> None:
    """`custody status` says since when, and the next that gets through ends it."""
    line = link(custody, server)

    def away(_path: str, _message: SignedMessage) -> bytes:
        raise Unavailable("the server does not answer")

    with pytest.raises(Unavailable):
        CustodianLink(custody.state, custody.signer, away).tell(following=True)
    found = told_server(custody.state)
    assert found is not None and "does not answer" in found.trouble and found.taken_ns is None
    line.tell(following=True)
    found = told_server(custody.state)
    assert found is not None and (found.trouble, found.taken_ns) == ("", custody.clock.now_ns())


def test_a_thousand_snapshots_are_several_statements(custody: Custody, server: ServerInProcess) -> None:
    """None is larger than a message may be, and nothing is left out."""
    sizes = []
    line = link(custody, server)
    with custody.state.database.write() as connection:
        row = dict(connection.execute(sa.select(snapshot)).one()._mapping)
        many = [row | {"id": f"{number:064x}", "source": "ü" * 300} for number in range(1200)]
        connection.execute(snapshot.insert(), many)

    def post(_path: str, message: SignedMessage) -> bytes:
        sizes.append(len(parse_statement(message).repositories))
        message.verify(STATEMENT, custody.signer.verifier.public)
        return take_statement(server.state, message).to_bytes()

    assert CustodianLink(custody.state, custody.signer, post).tell(following=True) == ToldCount(1, 1201)
    assert len(sizes) > 2 and len(verdicts(server)) == 1201
    assert line.tell(following=True) == ToldCount(1, 0)


def test_a_server_that_names_a_number_beyond_all_is_no_server(custody: Custody, server: ServerInProcess) -> None:
    """It could otherwise end the custodian's counting for ever."""
    link(custody, server)
    wild = CustodianLink(custody.state, custody.signer, lambda *_: StatementAnswer(0, (1 << 63) - 1, 1).to_bytes())
    with pytest.raises(Damaged, match="no custodian has reached"):
        wild.tell(following=True)
    with custody.state.database.read() as connection:
        assert connection.execute(sa.select(telling.server.c.number)).scalar() == 1


def test_that_repositories_come_into_care_is_remembered(custody: Custody) -> None:
    """The service has no words of its own: what was said once by hand counts, until another gateway is named."""
    tell_server(custody.state, "https://fleet:8040", "", "test")
    for adopts in (True, False):
        open_keys_at(custody.state, "rest:https://custodian:x@backup/", "", "test", adopts=adopts)
        told = told_server(custody.state)
        assert told is not None and told.adopts is adopts
