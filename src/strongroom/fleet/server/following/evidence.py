"""What a receipt moves: a claim that is confirmed, a host that no agent speaks for. A receipt and a report of one
snapshot are one backup, whichever comes first.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.watches import (
    CUSTODIAN,
    GOOD,
    MOST_WATCHES,
    RECEIPT,
    deadline_values,
    good_backup,
    new_values,
    update_watch,
)

DAILY = "24h"
"""How often a host backs up that no agent speaks for, until an operator says otherwise."""


def unattended_watch(connection: sa.Connection, host: str, path: str, now: int) -> bool:
    """Watch a host that no agent speaks for, by its receipts: its repository at a gateway, a backup each day until an
    operator says another interval. Whether it is watched: one host has no more than ``MOST_WATCHES``."""
    table = schema.watch
    known = set(connection.execute(sa.select(table.c.repository).where(table.c.host == host)).scalars())
    if path in known or len(known) >= MOST_WATCHES:
        return path in known
    terms = {"grammar": "every", "calendar": DAILY, "zone": "UTC", "jitter": 0, "hosts_late": 0}
    values = new_values(host, "", path, now) | terms | {"answered": now, "operators_late": None, "repository_id": ""}
    connection.execute(table.insert(), values | deadline_values(values))
    return True


def expect_every(connection: sa.Connection, host: str, repository: str, every: str, late: int | None) -> int:
    """How often a host that no agent speaks for backs up, as an operator says; how many watches that are."""
    table = schema.watch
    where = [table.c.host == host, table.c.source == ""] + ([table.c.repository == repository] if repository else [])
    rows = connection.execute(sa.select(table).where(*where)).all()
    for row in rows:
        values = {"calendar": every, "operators_late": late}
        update_watch(connection, dict(row._mapping), values | deadline_values(dict(row._mapping) | values))
    return len(rows)


def confirm_claim(connection: sa.Connection, claimed: Any, arrival: int) -> None:
    """A log has a snapshot that its host has claimed. Where a custodian cares, it has to find it good first."""
    if _is_cared_for(connection, claimed.repository):
        return
    watch, claim = schema.watch, schema.claim
    at = watch.c.host == claimed.host, watch.c.source == claimed.source, watch.c.repository == claimed.name
    if (row := connection.execute(sa.select(watch).where(*at)).one_or_none()) is not None:
        known = dict(row._mapping)
        update_watch(connection, known, good_backup(known, arrival, claimed.snapshot, RECEIPT))
    here = claim.c.repository == claimed.repository, claim.c.snapshot == claimed.snapshot
    connection.execute(claim.delete().where(*here))


def note_receipt(connection: sa.Connection, host: str, path: str, snapshot: str, arrival: int) -> None:
    """A log has a snapshot of a host that no agent speaks for: a backup, unless a custodian has to find it good."""
    watch, seen = schema.watch, schema.seen
    at = watch.c.host == host, watch.c.source == "", watch.c.repository == path
    row = dict(connection.execute(sa.select(watch).where(*at)).one()._mapping)
    stated = connection.execute(sa.select(seen.c.repository).where(seen.c.snapshot == snapshot)).scalar()
    values: dict[str, Any] = {"last_run": arrival}
    if stated is not None and not row["repository_id"]:
        row["repository_id"] = values["repository_id"] = str(stated)
    if not _is_cared_for(connection, row["repository_id"]):
        values |= good_backup(row, arrival, snapshot, RECEIPT)
    elif (found := _seen_good(connection, row["repository_id"], snapshot)) is not None:
        values |= good_backup(row, found, snapshot, CUSTODIAN)
    else:
        _keep_claim(connection, row, snapshot, arrival)
    update_watch(connection, row, values)


def _is_cared_for(connection: sa.Connection, repository: str) -> bool:
    table = schema.stated
    query = sa.select(table.c.repository).where(table.c.repository == repository)
    return bool(repository) and connection.execute(query).first() is not None


def _seen_good(connection: sa.Connection, repository: str, snapshot: str) -> int | None:
    """When a snapshot arrived that the custodian found good; None where it did not."""
    table = schema.seen
    query = sa.select(table.c.arrival).where(
        table.c.repository == repository, table.c.snapshot == snapshot, table.c.verdict == GOOD
    )
    arrival: int | None = connection.execute(query).scalar()
    return arrival


def _keep_claim(connection: sa.Connection, row: dict[str, Any], snapshot: str, at: int) -> None:
    claim, repository = schema.claim, row["repository_id"]
    there = sa.select(claim.c.host).where(claim.c.repository == repository, claim.c.snapshot == snapshot)
    if connection.execute(there).first() is None:
        values = {"host": row["host"], "source": row["source"], "name": row["repository"], "at": at}
        connection.execute(claim.insert(), {"repository": repository, "snapshot": snapshot} | values)
