"""What gateways say of room: a warning from nine tenths of a quota on, until it is well below that again.

A backup that does not fit fails, and is an alarm then; this one comes while there is time. A gateway's word moves
nothing else. One that says it of very many is one alert: nobody drowns others by it (threat M-5). Its last word ages:
after a day it is no more said as if it were so, but that the gateway says nothing any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from strongroom.base.quantities import format_bytes
from strongroom.fleet.protocol.fields import visible
from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.following.places import BY_RECEIPTS
from strongroom.fleet.server.schemas import following as schema
from strongroom.fleet.server.schemas import main as fleet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from strongroom.fleet.server.following.gateway_source import UsedQuota
    from strongroom.fleet.server.state import FleetState

QUOTA = "quota"
"""The kind of the alert that a quota is nearly used up."""
FULL, ROOM = 90, 85
"""Hundredths of a quota: from the first on there is an alert, which ends below the second."""
LOOK_SECONDS = 300
OLD_SECONDS = 86_400
"""A gateway's word of so long ago counts no more."""
MOST_QUOTAS, MOST_SAID = 5000, 20
"""Quotas of one gateway that are kept; and how many of them are an alert each, beyond which all are one."""
EVERYBODY = "*"
"""The name of what all principals of a gateway have together."""


class QuotaSource(Protocol):
    """A gateway that says who may store how much."""

    def quotas(self) -> Sequence[UsedQuota] | None:
        """All of them; None where it does not say. Raises ``Refused``, ``Unavailable``."""
        ...


def look_at_quotas(state: FleetState, gateway: str, source: QuotaSource) -> None:
    """Write down what a gateway says, unless it was asked a while ago. Raises ``Refused``, ``Unavailable``."""
    table, now = schema.quota, state.now()
    looked = schema.quota_look
    with state.database.read() as connection:
        seen = connection.execute(sa.select(looked.c.at).where(looked.c.gateway == gateway)).scalar()
    if isinstance(seen, int) and 0 <= now - seen < LOOK_SECONDS:
        return
    found = source.quotas()
    if found is None:
        return
    with state.database.write() as connection:
        query = sa.select(table).where(table.c.gateway == gateway)
        full = {(row.principal, row.unit) for row in connection.execute(query) if row.warned}
        forget_quotas_of(connection, gateway)
        connection.execute(looked.insert(), {"gateway": gateway, "at": now})
        rows = {(one.principal, one.unit): one for one in found[:MOST_QUOTAS]}
        if rows:
            connection.execute(table.insert(), [_row(gateway, one, key in full) for key, one in rows.items()])


def _row(gateway: str, one: UsedQuota, was_full: bool) -> dict[str, Any]:
    full = one.used * 100 >= one.most * (ROOM if was_full else FULL)
    row = {"gateway": gateway, "principal": one.principal, "unit": one.unit, "name": visible(one.name)}
    return row | {"used": one.used, "most": one.most, "warned": int(full)}


def forget_quotas_of(connection: sa.Connection, gateway: str) -> None:
    """What one gateway said."""
    for table in (schema.quota, schema.quota_look):
        connection.execute(table.delete().where(table.c.gateway == gateway))


def forget_quotas(connection: sa.Connection, names: Iterable[str]) -> None:
    """Of gateways that fleet.toml names no more."""
    for table in (schema.quota, schema.quota_look):
        connection.execute(table.delete().where(table.c.gateway.not_in(list(names))))


def used_up(connection: sa.Connection, now: int) -> list[Wrong]:
    """Quotas that are nearly used up, and gateways that have not said for a day how much of theirs is."""
    table, looked, hosts = schema.quota, schema.quota_look, fleet.host
    rows = connection.execute(sa.select(table).where(table.c.warned == 1).order_by(table.c.gateway, table.c.name)).all()
    by_gateway: dict[str, list[Any]] = {}
    for row in rows:
        by_gateway.setdefault(str(row.gateway), []).append(row)
    found = []
    limited = sa.select(table.c.gateway)
    for gateway, at in connection.execute(
        sa.select(looked.c.gateway, looked.c.at).where(looked.c.gateway.in_(limited))
    ):
        if not is_old(at, now):
            continue
        full = len(by_gateway.pop(str(gateway), ()))
        words = (
            f"it has not said for {max(0, now - at) // 3600} hours how much of its quotas is used;"
            f" {full} were used up to {FULL} % or more when it last did"
        )
        found.append(Wrong(f"quotas of gateway {gateway}", QUOTA, "", False, words))
    for gateway, nearly in by_gateway.items():
        if len(nearly) > MOST_SAID:
            words = f"{len(nearly)} quotas there are used up to {FULL} % or more, as it says: `/api/v1/quotas` has them"
            found.append(Wrong(f"gateway {gateway}", QUOTA, "", False, words))
            continue
        named = sa.select(hosts.c.id, hosts.c.name, hosts.c.profile).where(
            hosts.c.name.in_([row.name for row in nearly]) | hosts.c.id.in_([row.principal for row in nearly])
        )
        known = connection.execute(named).all()
        found += [_warning(gateway, row, _host_of(row, known)) for row in nearly]
    return found


def is_old(at: int, now: int) -> bool:
    """Whether what was said then counts no more; what comes from the future does not either."""
    return not -LOOK_SECONDS <= now - at < OLD_SECONDS


def _host_of(row: Any, known: Sequence[Any]) -> str:
    """The host whose the principal is; one with no agent is called as it was first."""
    for one in known:
        if (one.id == row.principal) if one.profile == BY_RECEIPTS else (one.name == row.name):
            return str(one.name)
    return ""


def _warning(gateway: str, row: Any, host: str) -> Wrong:
    whose = "all of it" if row.principal == EVERYBODY else str(row.name)
    share = f"{row.used * 100 // max(1, row.most)} % of what may be stored is used"
    used, most = (format_bytes(one) if row.unit == "bytes" else f"{one}" for one in (row.used, row.most))
    words = f"{share}: {used} of {most}{'' if row.unit == 'bytes' else ' objects'}; beyond it no backup is taken in"
    return Wrong(f"quota of {whose} at {gateway} ({row.unit})", QUOTA, host, False, words)
