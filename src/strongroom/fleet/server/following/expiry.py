"""What others have that ends on a date, said two weeks before: certificates of gateways, tokens of programs.

What the server has itself is in ``ending.py``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.schemas import following as schema
from strongroom.fleet.server.schemas.api import token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.fleet.server.state import FleetState

DAY = 86400
SOON = 14 * DAY
SHORT_LIVED = 28 * DAY
"""A token that was made for less ends as it was meant to."""
LOOK_SECONDS = 6 * 3600
"""So long a look at a gateway's certificate does."""
EXPIRY = "expiry"


class CertifiedSource(Protocol):
    """A gateway that shows a certificate."""

    def certificate_end(self) -> int | None:
        """When its certificate ends, in seconds since 1970; None where it shows none now."""
        ...


def look_at_certificate(state: FleetState, gateway: str, source: CertifiedSource) -> None:
    """Write down until when a gateway's certificate is good, unless it was looked at a while ago."""
    table, now = schema.certificate, state.now()
    with state.database.read() as connection:
        seen = connection.execute(sa.select(table.c.seen).where(table.c.gateway == gateway)).scalar()
    if seen is not None and abs(now - seen) < LOOK_SECONDS:
        return
    end = source.certificate_end()
    if end is not None:
        with state.database.write() as connection:
            connection.execute(table.delete().where(table.c.gateway == gateway))
            connection.execute(table.insert(), {"gateway": gateway, "until": end, "seen": now})


def forget_certificates(connection: sa.Connection, names: Iterable[str]) -> None:
    """Of gateways that fleet.toml names no more."""
    table = schema.certificate
    connection.execute(table.delete().where(table.c.gateway.not_in(list(names))))


def expiring(connection: sa.Connection, now: int) -> list[Wrong]:
    """What ends within two weeks, or has ended and is needed still."""
    table = schema.certificate
    found = [
        Wrong(f"the certificate of the gateway {row.gateway}", EXPIRY, "", now >= row.until, _words(row.until, now, ""))
        for row in connection.execute(sa.select(table).where(table.c.until < now + SOON).order_by(table.c.gateway))
    ]
    lived = token.c.until - token.c.made
    query = sa.select(token).where(token.c.until < now + SOON, lived > SHORT_LIVED).order_by(token.c.name)
    for row in connection.execute(query):
        hint = f"; `fleet tokens remove {row.name}` once nobody needs it"
        found.append(Wrong(f"the token {row.name}", EXPIRY, "", False, _words(row.until, now, hint)))
    return found


def _words(until: int, now: int, hint: str) -> str:
    day = datetime.fromtimestamp(min(until, 10**11), UTC).strftime("%Y-%m-%d")
    return f"{'has ended' if now >= until else 'ends'} on {day}{hint}"
