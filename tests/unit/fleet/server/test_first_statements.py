"""A custodian's first words about an old repository name thousands of snapshots, and hold nobody up."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from strongroom.base.record import replace
from strongroom.fleet.protocol.statement import (
    MOST_SNAPSHOTS,
    STATEMENT,
    StatedRepository,
    StatedSnapshot,
    Statement,
    parse_statement,
)
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from strongroom.fleet.server.pruning import SEEN_KEPT, prune
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema
from tests.support.fleet.hosts import FleetHost, key_of
from tests.support.fleet.server import ServerInProcess

CUSTODIAN = key_of("custodian")


def _snapshot(number: int, arrival: int, verdict: str = "good") -> StatedSnapshot:
    return StatedSnapshot(hashlib.sha256(b"%d" % number).hexdigest(), "x", arrival, arrival, verdict)


def test_thousands_of_snapshots_are_a_few_statements(server: ServerInProcess) -> None:
    """Two thousand that move nothing, a claimed one that does, and one that is taken back for the one before it."""
    trust_custodian(server.state, CUSTODIAN.public, "custodian")
    web, mail = server.join(FleetHost("web01")), server.join(FleetHost("mail01"))
    server.until("2027-02-02T02:10")
    taken_back = server.take(mail)
    now = server.now
    filler = [_snapshot(number, now - 9 * 86400 + number) for number in range(4 * MOST_SNAPSHOTS)]
    many = [
        StatedRepository(bytes([number]).hex() * 32, "old", "well", now, None, True, 0, tuple(part), ())
        for number, part in enumerate(filler[first : first + MOST_SNAPSHOTS] for first in range(0, 2000, 500))
    ]
    older = _snapshot(-1, now - 86400)
    bad = (older, replace(older, id=taken_back, arrival=now, verdict="bad"))
    empty = StatedRepository(web.repository_id, "web", "well", now, None, True, 0, (), ())
    first = Statement(1, now, (empty, replace(empty, id=mail.repository_id, name="mail")))
    take_statement(server.state, CUSTODIAN.sign(STATEMENT, first.to_document()))
    claimed = server.take(web)
    own = (replace(older, id=claimed, arrival=now, verdict="good"),)
    about = (*many, replace(empty, snapshots=own), replace(empty, id=mail.repository_id, name="mail", snapshots=bad))
    composed: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        composed.append(statement)

    sa.event.listen(server.state.database.engine, "before_cursor_execute", count)
    take_statement(server.state, CUSTODIAN.sign(STATEMENT, Statement(2, now, about).to_document()))
    sa.event.remove(server.state.database.engine, "before_cursor_execute", count)
    assert len(composed) < 60
    with server.state.database.read() as connection:
        known = connection.execute(sa.select(sa.func.count()).select_from(schema.seen)).scalar_one()
    assert known == 4 * MOST_SNAPSHOTS + 3
    assert (server.watch("web01").last_good, server.watch("web01").evidence) == (now, "custodian")
    assert server.watch("mail01").last_good == older.arrival
    again = Statement(3, now, (replace(many[0], snapshots=(replace(filler[0], verdict="bad"), filler[1])),))
    take_statement(server.state, CUSTODIAN.sign(STATEMENT, again.to_document()))
    with server.state.database.read() as connection:
        verdicts = connection.execute(sa.select(schema.seen.c.verdict, sa.func.count()).group_by(schema.seen.c.verdict))
        assert dict(tuple(row) for row in verdicts) == {"good": 4 * MOST_SNAPSHOTS + 1, "bad": 2}


def test_an_older_custodian_says_nothing_of_checks() -> None:
    """Its statements are taken as before."""
    about = StatedRepository("ab" * 32, "web01", "well", 1000, None, True, 0, (), (), 7000)
    document = Statement(1, 1000, (about,)).to_document()
    assert parse_statement(CUSTODIAN.sign(STATEMENT, document)).repositories == (about,)
    del document["repositories"][0]["check_by"]
    assert parse_statement(CUSTODIAN.sign(STATEMENT, document)).repositories == (replace(about, check_by=None),)


def test_receipts_that_no_audit_asks_for_go(server: ServerInProcess) -> None:
    """After 400 days, as what a custodian saw; what came since stays."""
    table = following.receipt
    ages = {"aa" * 32: SEEN_KEPT + 1, "bb" * 32: SEEN_KEPT - 1}
    rows = [
        {"gateway": "offsite", "repository": "r", "snapshot": one, "arrival": server.now - age}
        for one, age in ages.items()
    ]
    with server.state.database.write() as connection:
        connection.execute(table.insert(), rows)
    assert prune(server.state, server.now) == 1
    with server.state.database.read() as connection:
        assert connection.execute(sa.select(table.c.snapshot)).scalars().all() == ["bb" * 32]
