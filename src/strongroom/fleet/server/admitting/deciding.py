"""What an operator says to hosts that wait: yes or no, to a key by its name, or to all that came by a token."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Missing, Refused
from strongroom.fleet.protocol.fingerprint_words import words_of
from strongroom.fleet.server.admitting.waiting import APPROVED, DENIED, WAITING, in_force, waiting_hosts
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.schemas.admitting import pending

if TYPE_CHECKING:
    from strongroom.fleet.server.state import FleetState

_LIST = "`strongroom fleet pending` lists those that wait."


def list_pending(state: FleetState) -> list[Any]:
    """Those that wait, by token and name."""
    with state.database.read() as connection:
        return waiting_hosts(connection, state.now())


def approve(state: FleetState, name: str, key: str = "") -> str:
    """Let in the host that waits under this name, ``key`` being its ID; its ID. Again changes nothing.

    Raises ``Missing``, or ``Refused`` where several keys wait under the name and none is given.
    """
    with state.database.write() as connection:
        rows = _those(connection, state.now(), key, (WAITING, APPROVED))
        found = [row for row in rows if row.name == name]
        if not found:
            raise Missing("no such host waits", subject=name, hint=_LIST)
        if len(found) > 1:
            keys = ", ".join(words_of(row.id) for row in found[:5])
            hint = f"The right one shows its own: compare, and give it with --key. There are: {keys}."
            raise Refused("several keys wait under this name", subject=name, hint=hint)
        (row,) = found
        if row.state == WAITING:
            _decide(connection, row.id, APPROVED, state.now())
        return str(row.id)


def deny(state: FleetState, pattern: str = "", key: str = "", token: str = "") -> int:
    """Say no to those that wait under a name or pattern, with a key, by a token; how many that are. A token that is
    named lets nobody in any more. Raises ``Missing``.
    """
    now = state.now()
    with state.database.write() as connection:
        rows = _those(connection, now, key, (WAITING, APPROVED))
        named = [row for row in rows if fnmatchcase(row.name, pattern or "*") and token in ("", row.ticket)]
        for row in named:
            _decide(connection, row.id, DENIED, now)
        ended = 0
        if token:
            table = schema.ticket
            ended = connection.execute(table.update().where(table.c.id == token).values(until=now, uses=0)).rowcount
        if not named and not ended:
            raise Missing("no such host waits", subject=pattern or token, hint=_LIST)
        return len(named)


def _those(connection: sa.Connection, now: int, key: str, states: tuple[str, ...]) -> list[Any]:
    query = sa.select(pending).where(pending.c.state.in_(states)).order_by(pending.c.asked, pending.c.id)
    return [row for row in connection.execute(query) if in_force(row, now) and key in ("", row.id)]


def _decide(connection: sa.Connection, host: str, word: str, now: int) -> None:
    connection.execute(pending.update().where(pending.c.id == host).values(state=word, decided=now))
