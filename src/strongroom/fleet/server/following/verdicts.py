"""What a custodian found of a snapshot, and what that moves: the last good backup of whoever said that it made it."""

from __future__ import annotations

import sqlalchemy as sa

from strongroom.fleet.server import schema
from strongroom.fleet.server.following import schema as following
from strongroom.fleet.server.watches import CUSTODIAN, GOOD, good_backup, update_watch

WORSE = ("suspicious", "bad")
"""Verdicts that take a backup back; one that is pending says nothing yet."""


def note_verdict(connection: sa.Connection, repository: str, snapshot: str, arrival: int, verdict: str) -> None:
    """A custodian has seen a snapshot. When it is good, and a host said that it made it, the watch has its backup."""
    table = schema.seen
    where = table.c.repository == repository, table.c.snapshot == snapshot
    if connection.execute(table.update().where(*where).values(verdict=verdict)).rowcount == 0:
        row = {"repository": repository, "snapshot": snapshot, "arrival": arrival, "verdict": verdict}
        connection.execute(table.insert(), row)
        _link(connection, repository, snapshot)
    if verdict == GOOD:
        _seen_too(connection, repository, snapshot, arrival)
    elif verdict in WORSE:
        _take_back(connection, repository, snapshot)
    claim = schema.claim
    query = claim.c.repository == repository, claim.c.snapshot == snapshot
    found = connection.execute(sa.select(claim).where(*query)).one_or_none()
    if found is None or verdict != GOOD:
        return
    watch = schema.watch
    at = watch.c.host == found.host, watch.c.source == found.source, watch.c.repository == found.name
    if (watched := connection.execute(sa.select(watch).where(*at)).one_or_none()) is not None:
        known = dict(watched._mapping)
        update_watch(connection, known, good_backup(known, arrival, snapshot, CUSTODIAN))
    connection.execute(table.update().where(*where).values(host=found.host))
    connection.execute(claim.delete().where(*query))


def _take_back(connection: sa.Connection, repository: str, snapshot: str) -> None:
    """A last good backup is good no more. The one before it counts, where no other watch can have made that."""
    table, seen = schema.watch, schema.seen
    rows = connection.execute(sa.select(table).where(table.c.repository_id == repository)).all()
    before = seen.c.repository == repository, seen.c.verdict == GOOD
    for row in rows:
        if row.snapshot != snapshot:
            continue
        newest = sa.select(seen).where(*before).order_by(seen.c.arrival.desc()).limit(1)
        found = connection.execute(newest).one_or_none() if len(rows) == 1 else None
        values = {"last_good": None, "snapshot": ""}
        if found is not None:
            values = {"last_good": found.arrival, "snapshot": found.snapshot}
        update_watch(connection, dict(row._mapping), values)


def _seen_too(connection: sa.Connection, repository: str, snapshot: str, arrival: int) -> None:
    """What a receipt or a host alone said is what the custodian says now."""
    table = schema.watch
    here = table.c.repository_id == repository, table.c.snapshot == snapshot, table.c.evidence != CUSTODIAN
    for row in connection.execute(sa.select(table).where(*here)).all():
        known = dict(row._mapping)
        update_watch(connection, known, good_backup(known | {"last_good": None}, arrival, snapshot, CUSTODIAN))


def _link(connection: sa.Connection, repository: str, snapshot: str) -> None:
    """A snapshot's ID is the hash of its bytes: whose receipt has the one that a custodian states is whose it is."""
    receipt, place, watch = following.receipt, following.place, schema.watch
    query = (
        sa.select(place.c.path)
        .join(receipt, sa.and_(receipt.c.gateway == place.c.gateway, receipt.c.repository == place.c.repository))
        .where(receipt.c.snapshot == snapshot, place.c.host == "")
    )
    for path in connection.execute(query).scalars().all():
        here = watch.c.source == "", watch.c.repository == path, watch.c.repository_id == ""
        connection.execute(watch.update().where(*here).values(repository_id=repository))
