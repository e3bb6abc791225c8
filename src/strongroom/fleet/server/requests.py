"""Requests to hosts: one waits, one an hour; handed out with the answer to a report, since nothing dials a host.

The host decides by its own file, and says in its next report what became of it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Missing, Refused, StrongroomError
from strongroom.database.statements import statements_in
from strongroom.fleet.protocol.fields import visible
from strongroom.fleet.protocol.report import RUN, WISHES, JobRequest, ReportAnswer, parse_answer
from strongroom.fleet.server.joining import ACTIVE
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.fleet.protocol.report import RequestOutcome
    from strongroom.fleet.server.state import FleetState

WAITING = "waiting"
APART, LONGEST = 3600, 86400
"""Seconds between two requests to a host, and how long one waits."""
_WAITING = f"SELECT host, id, wish, source FROM fleet_request WHERE host IN (*) AND outcome = '{WAITING}' AND made > "


def ask_host(state: FleetState, name: str, wish: str, source: str) -> str:
    """Have a host asked when it reports next; the request's ID.

    Raises ``Missing``, ``ConfigurationError``, or ``Refused`` for another one within the hour.
    """
    if wish not in WISHES or (wish == RUN) != bool(source):
        raise ConfigurationError("a host is asked for `report`, or for `run` and a source", subject=name)
    now, table, watches = state.now(), schema.request, schema.watch
    with state.database.write() as connection:
        host = connection.execute(sa.select(schema.host).where(schema.host.c.name == name)).one_or_none()
        if host is None or host.state != ACTIVE or not host.public:
            raise Missing("there is no host of this name that reports", subject=name)
        there = sa.select(watches.c.source).where(watches.c.host == host.id, watches.c.source == source)
        if source and connection.execute(there).first() is None:
            raise Missing("this host has no such source", subject=f"{name}/{source}")
        last = connection.execute(sa.select(table).where(table.c.host == host.id)).one_or_none()
        if last is not None and now - APART < last.made <= now:
            raise Refused("this host was asked within the last hour", subject=name, hint="One request an hour.")
        connection.execute(table.delete().where(table.c.host == host.id))
        made = secrets.token_hex(8)
        row = {"host": host.id, "id": made, "wish": wish, "source": source, "made": now}
        connection.execute(table.insert(), row | {"outcome": WAITING, "words": "", "at": None})
    return made


def asked_of(state: FleetState, name: str) -> Any:
    """The newest request to a host; None where there is none. Raises ``Missing``."""
    with state.database.read() as connection:
        host = connection.execute(sa.select(schema.host.c.id).where(schema.host.c.name == name)).scalar()
        if host is None:
            raise Missing("there is no host of this name", subject=name)
        table = schema.request
        return connection.execute(sa.select(table).where(table.c.host == host)).one_or_none()


def waiting_requests(connection: sa.Connection, hosts: Sequence[str], now: int) -> dict[str, JobRequest]:
    """What waits for these hosts."""
    with statements_in(connection) as sql:
        rows = sql.among(f"{_WAITING}{int(now - LONGEST)}", hosts)
    wishes = ((host, JobRequest(made, wish, source)) for host, made, wish, source in rows)
    return {host: one for host, one in wishes if _is_readable(one)}


def _is_readable(request: JobRequest) -> bool:
    """Whether a host can read it: with what it cannot it would take the whole answer for none, and say all again."""
    try:
        parse_answer(ReportAnswer(0, 0, (), (request,)).to_bytes())
    except (StrongroomError, TypeError, ValueError):
        return False
    return True


def take_outcomes(connection: sa.Connection, host: str, outcomes: Sequence[RequestOutcome], now: int) -> None:
    """What a host says became of requests; of others than the newest one nobody wants to know."""
    table = schema.request
    for one in outcomes:
        values = {"outcome": one.outcome, "words": visible(one.words)[:200], "at": now}
        connection.execute(table.update().where(table.c.host == host, table.c.id == one.id).values(**values))
