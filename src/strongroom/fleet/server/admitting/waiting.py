"""Who waits for an operator: a bounded crowd for each token, in which nobody pushes out who comes from elsewhere.

Whoever has a stolen token can make as many keys as he likes. So a name is nobody's while it waits, one alert tells of
all that wait by a token, and where the crowd is full the address with the most in it gives up its newest.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Refused
from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.schemas.admitting import pending

if TYPE_CHECKING:
    from collections.abc import Sequence

WAITING, APPROVED, DENIED = "waiting", "approved", "denied"
KEPT = 7 * 86400
"""So long a host waits, and an operator's word counts, in seconds."""
MOST_WAITING = 100
"""Hosts that wait by one token, at most."""
HEARD_SECONDS = 60
"""A host that asks more often is written down as often as this."""
PENDING = "pending"
"""The kind of the alert that hosts wait."""
DENIED_HINT = "If it is yours, ask that operator for a token of its own: `strongroom fleet invite NAME`."
CROWD_HINT = "Its operator looks at `strongroom fleet pending`, and approves or denies some. Then do this again."


def in_force(row: Any, now: int) -> bool:
    """Whether it waits still, or what was decided counts still."""
    since = row.asked if row.decided is None else row.decided
    return bool(now < since + KEPT)


def hear(connection: sa.Connection, ticket: str, signer: str, name: str, now: int) -> str:
    """How it stands with a key that asks by this token: waiting, approved, or empty where nobody knows it.

    An operator's yes is for one name; under another one it waits anew. Raises ``Refused`` for who was denied.
    """
    row = connection.execute(sa.select(pending).where(pending.c.id == signer)).one_or_none()
    if row is None or row.ticket != ticket or not in_force(row, now):
        return ""
    if row.state == DENIED:
        raise Refused("an operator has denied this host", subject=name, hint=DENIED_HINT)
    values: dict[str, Any] = {}
    if not 0 <= now - row.heard < HEARD_SECONDS:
        values["heard"] = now
    if row.name != name:
        values |= {"name": name, "state": WAITING, "decided": None, "heard": now}
    if values:
        connection.execute(pending.update().where(pending.c.id == signer).values(**values))
    return str(values.get("state", row.state))


def wait(connection: sa.Connection, ticket: str, signer: str, name: str, network: str, now: int) -> None:
    """Let a key wait. Raises ``Refused`` where too many do."""
    forget(connection, signer)
    query = sa.select(pending).where(pending.c.ticket == ticket, pending.c.state == WAITING)
    rows = [row for row in connection.execute(query) if in_force(row, now)]
    if len(rows) >= MOST_WAITING:
        _make_room(connection, rows, network)
    row = {"id": signer, "ticket": ticket, "name": name, "network": network, "asked": now, "heard": now}
    connection.execute(pending.insert(), row | {"state": WAITING, "decided": None})


def _make_room(connection: sa.Connection, rows: Sequence[Any], network: str) -> None:
    counts = Counter(str(row.network) for row in rows)
    crowded, most = counts.most_common(1)[0]
    if most <= counts[network] + 1:
        words = f"{len(rows)} hosts wait already for an operator, who lets them in by this token"
        raise Refused(words, hint=CROWD_HINT)
    newest = max((row for row in rows if row.network == crowded), key=lambda row: (row.asked, row.id))
    forget(connection, newest.id)


def forget(connection: sa.Connection, signer: str) -> None:
    """It waits no more."""
    connection.execute(pending.delete().where(pending.c.id == signer))


def waiting_hosts(connection: sa.Connection, now: int) -> list[Any]:
    """Those that wait, by token and name, each with the ``pattern`` of its token."""
    ticket = schema.ticket
    query = (
        sa.select(pending, ticket.c.name.label("pattern"))
        .join(ticket, ticket.c.id == pending.c.ticket)
        .where(pending.c.state == WAITING)
        .order_by(pending.c.ticket, pending.c.name, pending.c.asked, pending.c.id)
    )
    return [row for row in connection.execute(query) if in_force(row, now)]


def crowds(connection: sa.Connection, now: int) -> list[Wrong]:
    """One alert for each token by which hosts wait; critical where there is no room for more."""
    found: dict[str, list[Any]] = {}
    for row in waiting_hosts(connection, now):
        found.setdefault(str(row.ticket), []).append(row)
    return [_crowd(ticket, rows) for ticket, rows in found.items()]


def _crowd(ticket: str, rows: list[Any]) -> Wrong:
    full, count = len(rows) >= MOST_WAITING, len(rows)
    words = f"{count} {'host waits' if count == 1 else 'hosts wait'} beyond what it lets in: `strongroom fleet pending`"
    if full:
        words += f"; there is no room for more. If these are not yours: `strongroom fleet deny --token {ticket}`"
    return Wrong(f"token {ticket} for {rows[0].pattern}", PENDING, "", full, words)
