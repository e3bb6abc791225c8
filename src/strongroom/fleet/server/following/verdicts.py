"""What a custodian found of snapshots, and what that moves: the last good backup of whoever said that it made one.

The first statements about an old repository name thousands, of which hardly any moves something: what is known of all
is read at once, and those that move something are looked at each for itself, so that reports need not wait for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.database.statements import statements_in
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.watches import CUSTODIAN, GOOD, good_backup, update_watch

if TYPE_CHECKING:
    from collections.abc import Sequence

WORSE = ("suspicious", "bad")
"""Verdicts that take a backup back; one that is pending says nothing yet."""
_AMONG = "WITH asked (repository, snapshot) AS (*) SELECT t.repository, t.snapshot FROM asked CROSS JOIN {} t"
_AMONG += " WHERE t.repository = asked.repository AND t.snapshot = asked.snapshot"
_SEEN, _CLAIMED = _AMONG.format("fleet_seen"), _AMONG.format("fleet_claim")
_CHANGE = "UPDATE fleet_seen SET verdict = ? WHERE repository = ? AND snapshot = ?"
_INSERT = "INSERT INTO fleet_seen (repository, snapshot, arrival, verdict, host) VALUES (?, ?, ?, ?, '')"
_RECEIPTS = "SELECT snapshot FROM fleet_receipt WHERE snapshot IN (*)"
_WATCHED = "SELECT repository_id, snapshot FROM fleet_watch WHERE repository_id IN (*)"


@dataclass(frozen=True, slots=True)
class StatedVerdict:
    """A repository and a snapshot by their IDs, when it arrived in seconds since 1970, and the custodian's verdict."""

    repository: str
    snapshot: str
    arrival: int
    verdict: str

    @property
    def key(self) -> tuple[str, str]:
        """What it is about."""
        return self.repository, self.snapshot


def note_verdicts(connection: sa.Connection, stated: Sequence[StatedVerdict]) -> None:
    """A custodian has seen snapshots. When one is good, and a host said that it made it, the watch has its backup."""
    if not stated:
        return
    keys = list(dict.fromkeys(one.key for one in stated))
    with statements_in(connection) as sql:
        known = set(sql.among_pairs(_SEEN, keys))
        claimed = set(sql.among_pairs(_CLAIMED, keys))
        new = {one.key: one for one in reversed(stated) if one.key not in known}
        sql.many(_INSERT, [(one.repository, one.snapshot, one.arrival, one.verdict) for one in new.values()])
        sql.many(_CHANGE, [(one.verdict, *one.key) for one in stated])
        arrived = {snapshot for (snapshot,) in sql.among(_RECEIPTS, [snapshot for _, snapshot in new])}
    for repository, snapshot in new:
        if snapshot in arrived:
            _link(connection, repository, snapshot)
    with statements_in(connection) as sql:
        watched = set(sql.among(_WATCHED, list({one.repository for one in stated})))
    for one in stated:
        if one.verdict == GOOD and one.key in watched:
            _seen_too(connection, one.repository, one.snapshot, one.arrival)
        elif one.verdict in WORSE and one.key in watched:
            _take_back(connection, one.repository, one.snapshot)
        if one.verdict == GOOD and one.key in claimed:
            _confirm(connection, one)
            watched.add(one.key)


def _confirm(connection: sa.Connection, one: StatedVerdict) -> None:
    """A host claimed it."""
    claim, watch, seen = schema.claim, schema.watch, schema.seen
    here = claim.c.repository == one.repository, claim.c.snapshot == one.snapshot
    found = connection.execute(sa.select(claim).where(*here)).one_or_none()
    if found is None:
        return
    at = watch.c.host == found.host, watch.c.source == found.source, watch.c.repository == found.name
    if (watched := connection.execute(sa.select(watch).where(*at)).one_or_none()) is not None:
        known = dict(watched._mapping)
        update_watch(connection, known, good_backup(known, one.arrival, one.snapshot, CUSTODIAN))
    this = seen.c.repository == one.repository, seen.c.snapshot == one.snapshot
    connection.execute(seen.update().where(*this).values(host=found.host))
    connection.execute(claim.delete().where(*here))


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
