"""A host through time: its snapshots as logs and the custodian have seen them, its own reports as it signed them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Damaged
from strongroom.fleet.server.api.documents import ReportDocument, SnapshotDocument
from strongroom.fleet.server.api.reading import cursor_of, host_seen, parse_cursor
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from strongroom.fleet.server.api.tokens import ApiToken
    from strongroom.fleet.server.state import FleetState

MOST_REPORTS = 20
"""Of half a mebibyte each, at most."""


def snapshots(
    state: FleetState, token: ApiToken, name: str, cursor: str, limit: int
) -> tuple[list[SnapshotDocument], str | None]:
    """Snapshots of one host, newest first, and the next cursor. Raises ``Missing`` or ``Damaged``."""
    after = parse_cursor(cursor)
    if after and ([type(one) for one in after] != [int, str, str] or not -(1 << 62) < int(after[0]) < 1 << 62):
        raise Damaged("this is no cursor of this list", subject=cursor[:50])
    with state.database.read() as connection:
        found = sa.union_all(*_parts(host_seen(connection, token, name))).subquery()
        arrival = sa.func.min(found.c.arrival)
        query = sa.select(
            found.c.repository,
            found.c.snapshot,
            arrival.label("arrival"),
            sa.func.max(found.c.verdict).label("verdict"),
            sa.func.max(found.c.receipt).label("receipt"),
        ).group_by(found.c.repository, found.c.snapshot)
        if after:
            at, repository, snapshot = after
            later = sa.tuple_(found.c.repository, found.c.snapshot) > sa.tuple_(
                sa.literal(repository), sa.literal(snapshot)
            )
            query = query.having(sa.or_(arrival < at, sa.and_(arrival == at, later)))
        rows = connection.execute(
            query.order_by(arrival.desc(), found.c.repository, found.c.snapshot).limit(limit + 1)
        ).all()
    items = [
        SnapshotDocument(row.snapshot, row.repository, row.arrival, row.verdict, bool(row.receipt))
        for row in rows[:limit]
    ]
    last = items[-1] if len(rows) > limit else None
    return items, None if last is None else cursor_of([last.arrival, last.repository, last.id])


def reports(
    state: FleetState, token: ApiToken, name: str, cursor: str, limit: int
) -> tuple[list[ReportDocument], str | None]:
    """Reports of one host as they were sent, newest first, and the next cursor. Raises ``Missing`` or ``Damaged``."""
    after, table = parse_cursor(cursor), schema.report
    if after and ([type(one) for one in after] != [int, str] or not 0 <= int(after[0]) < 1 << 63):
        raise Damaged("this is no cursor of this list", subject=cursor[:50])
    limit = min(limit, MOST_REPORTS)
    with state.database.read() as connection:
        where: list[Any] = [table.c.host == host_seen(connection, token, name)]
        if after:
            fork = sa.and_(table.c.sequence == after[0], table.c.sha256 > after[1])
            where.append(sa.or_(table.c.sequence < after[0], fork))
        query = sa.select(table).where(*where).order_by(table.c.sequence.desc(), table.c.sha256)
        rows = connection.execute(query.limit(limit + 1)).all()
    items = [
        ReportDocument(row.sequence, row.sha256, row.arrived, row.kind, bytes(row.message).decode("utf-8", "replace"))
        for row in rows[:limit]
    ]
    return items, cursor_of([items[-1].sequence, items[-1].sha256]) if len(rows) > limit else None


def _parts(host: str) -> tuple[sa.Select[Any], ...]:
    """What the custodian has seen, what the logs of a host's gateways have, and those of one with no agent."""
    seen, watch, owner = schema.seen, schema.watch, schema.repository
    place, receipt = following.place, following.receipt
    none, no, yes = sa.literal(""), sa.literal(0), sa.literal(1)
    mine = sa.select(watch.c.repository_id, watch.c.repository).where(watch.c.host == host).distinct().subquery()
    judged = (
        sa.select(mine.c.repository, seen.c.snapshot, seen.c.arrival, seen.c.verdict, no.label("receipt"))
        .join(seen, seen.c.repository == mine.c.repository_id)
        .outerjoin(owner, owner.c.repository == seen.c.repository)
        .where(seen.c.host.in_((host, "")), sa.or_(owner.c.host.is_(None), owner.c.host == host))
    )
    there = sa.and_(receipt.c.gateway == place.c.gateway, receipt.c.repository == place.c.repository)
    columns = receipt.c.snapshot, receipt.c.arrival, none.label("verdict"), yes.label("receipt")
    joined = (
        sa.select(place.c.name.label("repository"), *columns)
        .select_from(place)
        .join(receipt, there)
        .where(place.c.host == host)
    )
    own = sa.and_(watch.c.repository == place.c.path, watch.c.source == "", watch.c.host == host)
    alone = (
        sa.select(place.c.path.label("repository"), *columns)
        .select_from(place)
        .join(receipt, there)
        .join(watch, own)
        .where(place.c.host == "")
    )
    return judged, joined, alone
