"""Taking in what the custodian states: verified, in order, and of one custodian alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Missing, Refused
from strongroom.fleet.protocol.signed import SignedMessage, signer_id
from strongroom.fleet.protocol.statement import (
    RELEASED,
    STATEMENT,
    StatedRepository,
    Statement,
    StatementAnswer,
    parse_statement,
)
from strongroom.fleet.server.following.verdicts import StatedVerdict, note_verdicts
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from strongroom.fleet.server.state import FleetState

REPLACED = "replaced"
"""The name of a custodian whose card another one's has taken the place of."""
LONGEST_PROMISE = 27 * 3600
"""So many seconds a custodian may stay away, whatever it says: a daily round, and three hours."""


def trust_custodian(state: FleetState, public: bytes, name: str) -> str:
    """Believe the statements of whoever has this key, and of nobody else any more; its ID."""
    row = {"id": signer_id(public), "public": public, "number": 0, "name": name}
    table = schema.custodian
    with state.database.write() as connection:
        connection.execute(table.update().where(table.c.id != row["id"]).values(name=REPLACED))
        if connection.execute(table.update().where(table.c.id == row["id"]).values(name=name)).rowcount == 0:
            connection.execute(table.insert(), row)
    return str(row["id"])


def known_custodian(connection: sa.Connection, message: SignedMessage) -> Any:
    """The custodian that signed, by its ID alone: the signature is still to be verified. Raises ``Missing``,
    ``Refused``."""
    table = schema.custodian
    known = connection.execute(sa.select(table).where(table.c.id == message.signer)).one_or_none()
    if known is None:
        raise Missing(
            "no custodian of this server has this key",
            subject=message.signer,
            hint="Its card belongs into fleet.toml: `strongroom custody card` writes it. Then start the server again.",
        )
    if known.name == REPLACED:
        raise Refused("another custodian's card has taken the place of this one's", subject=message.signer)
    return known


def take_statement(state: FleetState, message: SignedMessage) -> StatementAnswer:
    """Take what a custodian says. An older number than the last changes nothing.

    Raises ``Missing`` for one that this server does not know, ``Refused``, ``Forged``, ``Damaged``, ``LimitExceeded``.
    """
    with state.database.read() as connection:  # nothing is written of what was not verified
        message.verify(STATEMENT, bytes(known_custodian(connection, message).public))
    statement = parse_statement(message)
    with state.database.write() as connection:
        known = known_custodian(connection, message)
        now = state.now()
        if statement.number > known.number:
            _take(connection, message.signer, statement, now)
        return StatementAnswer(known.number, max(known.number, statement.number), now)


def _take(connection: sa.Connection, custodian: str, statement: Statement, now: int) -> None:
    table = schema.custodian
    values = {"number": statement.number, "heard": now}
    connection.execute(table.update().where(table.c.id == custodian).values(**values))
    promise = following.promise
    seconds = max(0, min(statement.next_by - statement.at, LONGEST_PROMISE)) if statement.next_by else LONGEST_PROMISE
    connection.execute(promise.delete().where(promise.c.custodian == custodian))
    connection.execute(promise.insert(), {"custodian": custodian, "seconds": seconds})
    for one in statement.repositories:
        _state(connection, custodian, one, statement.at)
        _note_care(connection, one, now)
    # Nothing has arrived that is still to come, whatever a clock says.
    verdicts = [
        StatedVerdict(one.id, snapshot.id, min(snapshot.arrival, now), snapshot.verdict)
        for one in statement.repositories
        if one.standing != RELEASED
        for snapshot in one.snapshots
    ]
    note_verdicts(connection, verdicts)


def _note_care(connection: sa.Connection, one: StatedRepository, now: int) -> None:
    """Since when it is in care: what was never done since then is late in the end."""
    table = following.care
    if one.standing == RELEASED:
        connection.execute(table.delete().where(table.c.repository == one.id))
    elif connection.execute(sa.select(table.c.since).where(table.c.repository == one.id)).first() is None:
        connection.execute(table.insert(), {"repository": one.id, "since": now})


def _state(connection: sa.Connection, custodian: str, one: StatedRepository, at: int) -> None:
    table = schema.stated
    if one.standing == RELEASED:
        connection.execute(table.delete().where(table.c.repository == one.id))
        return
    before = connection.execute(sa.select(table).where(table.c.repository == one.id)).one_or_none()
    values: dict[str, Any] = {
        "name": one.name,
        "custodian": custodian,
        "standing": one.standing,
        "at": at,
        "drilled": one.drilled,
        "drill_sound": int(one.drill_sound),
        "plans_waiting": one.plans_waiting,
        "incidents": json.dumps([incident.to_document() for incident in one.incidents]),
        "check_by": one.check_by,
    }
    if before is None:
        connection.execute(table.insert(), values | {"repository": one.id, "round_ended": one.round_ended})
    else:
        if one.round_ended != before.round_ended:
            values |= {"round_ended": one.round_ended, "round_before": before.round_ended}
            values["round_long_before"] = before.round_before
        connection.execute(table.update().where(table.c.repository == one.id).values(**values))
