"""Keys that hosts sealed to the custodian: which wait to be opened, and which were."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Missing, Refused
from strongroom.fleet.protocol.decisions import (
    DECISIONS,
    MOST_OPENINGS,
    AwaitedOpening,
    decisions_answer,
    parse_question,
)
from strongroom.fleet.protocol.enrolment import AWAITED, NOBODY, OPEN, OPENED, EnrolDone, parse_done, parse_opened
from strongroom.fleet.protocol.signed import SignedMessage, parse_signed
from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.following.statements import REPLACED, known_custodian
from strongroom.fleet.server.judging.unreadable import Readings
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from strongroom.fleet.server.state import FleetState

FRESH = 600
"""So many seconds a question is good, by the custodian's clock and ours."""
OPENER = 900
"""So long after a custodian asked last it counts as one that opens keys."""
GRACE = 3600
"""So long a key may wait, in seconds; then it is an alarm."""
SEALED = "sealed"
TURN = 300
"""Seconds between two questions of a custodian that follows."""


def take_question(state: FleetState, message: SignedMessage) -> bytes:
    """The answer to a custodian that asks what waits for it. Raises ``Missing``, ``Refused``, ``Forged``, …"""
    with state.database.read() as connection:
        message.verify(DECISIONS, bytes(known_custodian(connection, message).public))
    now = state.now()
    if abs(parse_question(message) - now) > FRESH:
        raise Refused("asked at another time than now", hint="Mend the clock of the custodian, or of this server.")
    table = following.asked
    with state.database.write() as connection:
        known_custodian(connection, message)
        connection.execute(table.delete().where(table.c.custodian == message.signer))
        connection.execute(table.insert(), {"custodian": message.signer, "at": now})
        rows = _of_this_turn(_rows(connection), now)
        waiting = [one for row in rows if (one := Readings().of("", "", partial(_awaited, row), None))]
    return decisions_answer(now, waiting)


def _awaited(row: Any) -> AwaitedOpening:
    public = bytes(memoryview(row.public))
    return AwaitedOpening(str(row.name), public, parse_signed(bytes(memoryview(row.done))))


def _rows(connection: sa.Connection, readings: Readings | None = None) -> list[Any]:
    """Hosts some of whose keys were not opened, the newest first. ``readings`` takes those of which nobody can read
    what they sealed: they hide no other."""
    table = schema.host
    query = (
        sa.select(table)
        .where(table.c.done.is_not(None), table.c.opened.is_(None), table.c.state.in_(("active", "retired")))
        .order_by(table.c.joined.desc())
    )
    rows = connection.execute(query).all()
    readings = Readings() if readings is None else readings
    return [row for row in rows if readings.of(row.name, row.name, partial(_sealed, row), set[str]())]


def _of_this_turn(rows: list[Any], now: int) -> list[Any]:
    """Those that fit into an answer: half of it the newest, whose first backup waits, and others each time."""
    newest, others = rows[: MOST_OPENINGS // 2], rows[MOST_OPENINGS // 2 :]
    first = now // TURN * (MOST_OPENINGS // 2) % len(others) if len(others) > MOST_OPENINGS // 2 else 0
    return [*newest, *others[first:], *others[:first]][:MOST_OPENINGS]


def _sealed(row: Any) -> set[str]:
    """The repositories whose key a host says that it sealed."""
    return {one.id for one in _said(row).repositories if one.seal}


def _said(row: Any) -> EnrolDone:
    return parse_done(parse_signed(bytes(memoryview(row.done))))  # of a number, bytes would be as many


def take_opened(state: FleetState, message: SignedMessage) -> str:
    """Take the custodian's word that a sealed key opens; the host's ID.

    Raises ``Missing``, ``Refused``, ``Forged``, or ``Damaged`` where it is about another repository or other keys.
    """
    with state.database.read() as connection:  # nothing is written of what was not verified
        message.verify(OPENED, bytes(known_custodian(connection, message).public))
    word = parse_opened(message)
    hosts, table = schema.host, following.opened
    with state.database.write() as connection:
        known_custodian(connection, message)
        row = connection.execute(sa.select(hosts).where(hosts.c.id == word.host)).one_or_none()
        if row is None or row.done is None:
            raise Missing("there is no such host", subject=word.host)
        made = {one.id: one.keys for one in _said(row).repositories if one.seal}
        if set(word.keys) != set(made.get(word.repository, ())):
            raise Damaged("what the custodian opened is not what the host made", subject=word.repository[:8])
        here = table.c.host == word.host, table.c.repository == word.repository
        connection.execute(table.delete().where(*here))
        connection.execute(table.insert(), {"host": word.host, "repository": word.repository, "at": word.at})
        opened = set(connection.execute(sa.select(table.c.repository).where(table.c.host == word.host)).scalars())
        if made.keys() <= opened:
            values = {"opened": message.to_bytes()}
            connection.execute(hosts.update().where(hosts.c.id == word.host).values(**values))
    return word.host


def opening_of(state: FleetState, host: str) -> str:
    """How it stands with the keys of a host."""
    hosts, asked, custodian = schema.host, following.asked, schema.custodian
    with state.database.read() as connection:
        row = connection.execute(sa.select(hosts).where(hosts.c.id == host)).one()
        if row.opened is not None or not _sealed(row):
            return OPEN
        query = sa.select(sa.func.max(asked.c.at)).join(custodian, custodian.c.id == asked.c.custodian)
        last = connection.execute(query.where(custodian.c.name != REPLACED)).scalar()
    return AWAITED if last is not None and state.now() < last + OPENER else NOBODY


def unopened(connection: sa.Connection, now: int, readings: Readings) -> list[Wrong]:
    """Hosts whose keys the custodian has not opened: nobody but the host itself could restore."""
    if connection.execute(sa.select(following.asked.c.at)).first() is None:
        return []  # no custodian opens keys of hosts here
    words = "the custodian has not opened the key that this host sealed to it: nobody else could restore"
    return [
        Wrong(str(row.name), SEALED, str(row.name), False, words)
        for row in _rows(connection, readings)
        if row.state == "active" and now > row.joined + GRACE
    ]
