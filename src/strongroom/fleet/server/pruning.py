"""What the server lets go, so that neither time nor a host fills its disk: in small batches, one a turn.

Reports of runs, and snapshots that a custodian saw or a log has, are kept for as long as an audit asks; the hourly
reports, which say little, for two weeks. The newest report of a host stays, since its next one names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.fleet.server.admitting.waiting import KEPT as PENDING_KEPT
from strongroom.fleet.server.schemas import admitting, alerting, following
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from strongroom.fleet.server.state import FleetState

DAY = 86400
KEPT = {"run": 400 * DAY, "hourly": 14 * DAY, "start": 14 * DAY}
"""How long reports of each kind are kept, in seconds."""
MOST_KEPT = 64 << 20
"""Bytes of reports of one host, at most: the oldest go first."""
SEEN_KEPT = 400 * DAY
NOTICES_KEPT = 90 * DAY
DELIVERED_KEPT, UNDELIVERED_KEPT = 30 * DAY, 90 * DAY
TICKETS_KEPT = 30 * DAY
BATCH = 500
"""Rows of a table in one turn, at most."""


def prune(state: FleetState, now: int) -> int:
    """One batch of each; how many rows went. Raises ``Unavailable``."""
    with state.database.write() as connection:
        gone = sum(_old_reports(connection, kind, now - kept) for kind, kept in KEPT.items())
        gone += _beyond_the_bound(connection)
        notice, delivery = alerting.notice, alerting.delivery
        # The newest notice stays: the next one counts on from its number.
        newest = sa.select(sa.func.max(notice.c.number)).scalar_subquery()
        old = notice.c.at < now - NOTICES_KEPT, notice.c.number < newest
        gone += _delete(connection, notice, (notice.c.number,), *old)
        key = delivery.c.channel, delivery.c.number
        gone += _delete(connection, delivery, key, delivery.c.done < now - DELIVERED_KEPT)
        gone += _delete(connection, delivery, key, delivery.c.done.is_(None), delivery.c.at < now - UNDELIVERED_KEPT)
        ticket, seen = schema.ticket, schema.seen
        gone += _delete(connection, ticket, (ticket.c.id,), ticket.c.until < now - TICKETS_KEPT)
        waited = admitting.pending
        since = sa.func.coalesce(waited.c.decided, waited.c.asked)
        gone += _delete(connection, waited, (waited.c.id,), since < now - PENDING_KEPT)
        key = seen.c.repository, seen.c.snapshot
        gone += _delete(connection, seen, key, seen.c.arrival < now - SEEN_KEPT)
        receipt = following.receipt
        key_of_three = receipt.c.gateway, receipt.c.repository, receipt.c.snapshot
        gone += _delete(connection, receipt, key_of_three, receipt.c.arrival < now - SEEN_KEPT)
    return gone


def _delete(
    connection: sa.Connection, table: sa.Table, key: tuple[sa.Column[object], ...], *where: sa.ColumnElement[bool]
) -> int:
    rows = sa.select(*key).where(*where).limit(BATCH)
    return connection.execute(table.delete().where(sa.tuple_(*key).in_(rows))).rowcount


def _old_reports(connection: sa.Connection, kind: str, before: int) -> int:
    table, hosts = schema.report, schema.host
    newest = sa.select(hosts.c.head).where(hosts.c.id == table.c.host).scalar_subquery()
    return _drop(connection, table.c.kind == kind, table.c.arrived < before, table.c.sha256 != newest)


def _beyond_the_bound(connection: sa.Connection) -> int:
    """The oldest reports of a host that keeps more than its share."""
    table, hosts = schema.report, schema.host
    full = connection.execute(sa.select(hosts.c.id, hosts.c.head).where(hosts.c.kept > MOST_KEPT).limit(1)).first()
    if full is None:
        return 0
    return _drop(connection, table.c.host == full.id, table.c.sha256 != full.head)


def _drop(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> int:
    """The oldest of these reports; their bytes are given back to their hosts."""
    table, hosts = schema.report, schema.host
    key = table.c.host, table.c.sequence, table.c.sha256
    query = sa.select(*key, sa.func.length(table.c.message).label("size")).where(*where).order_by(table.c.arrived)
    rows = connection.execute(query.limit(BATCH)).all()
    if not rows:
        return 0
    connection.execute(table.delete().where(sa.tuple_(*key).in_([tuple(row)[:3] for row in rows])))
    sizes: dict[str, int] = {}
    for row in rows:
        sizes[row.host] = sizes.get(row.host, 0) + row.size
    given = hosts.update().where(hosts.c.id == sa.bindparam("of_id")).values(kept=hosts.c.kept - sa.bindparam("size"))
    connection.execute(given, [{"of_id": host, "size": size} for host, size in sorted(sizes.items())])
    return len(rows)
