"""What a run's report moves: claims, failures, incomplete backups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.fleet.protocol.calendars import HOUR
from strongroom.fleet.protocol.report import OVERLAP, SKIPPED
from strongroom.fleet.server.ownership import FOREIGN
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.watches import CLAIMED, CUSTODIAN, GOOD, MANY, RECEIPT, good_backup

if TYPE_CHECKING:
    from strongroom.fleet.protocol.report import RunReport
    from strongroom.fleet.server.following.places import FollowedPlaces
    from strongroom.fleet.server.ownership import KnownRepositories
    from strongroom.fleet.server.watch_rows import HostWatches

INCOMPLETE = 3
SNAPSHOT_MADE = (0, INCOMPLETE)
"""The exit codes with which a run has made a snapshot: whole, or without what could not be read."""
NO_FAILURE = {SKIPPED, OVERLAP}
FILES_SAVED = 76
"""The exit code of a run that saved the files and not a database."""
MOST_CLAIMS = 1024
"""Claimed snapshots of one repository that no custodian has found good, at most."""
LONGEST_RETRY = 2 * HOUR
"""Seconds after its report within which a run that failed is tried again, whatever the host says."""


def note_run(
    watches: HostWatches,
    run: RunReport,
    arrived: int,
    known: KnownRepositories,
    places: FollowedPlaces,
    behind: int = 0,
) -> dict[str, str]:
    """What a run's report moves: claims, failures, incomplete backups.

    It happened when the host says, but never after its report came; ``behind``: so many seconds its clock was behind
    when it last heard ours, or an honest host would be late by as much. What is older than the last good moves nothing.
    What was not taken is returned: a suspicion's code and its words.
    """
    refused: dict[str, str] = {}
    at = min(arrived, (run.ended or run.started) + behind)
    retry_at = None if run.retry_at is None else min(run.retry_at + behind, arrived + LONGEST_RETRY)
    rows = {one["repository"]: one for one in watches.of_source(run.source)}
    for outcome in run.outcomes:
        row = rows.pop(outcome.repository, None)
        if row is None:
            continue
        if any(known.is_anothers(one, watches.host) for one in (outcome.repository_id, row["repository_id"])):
            refused[FOREIGN] = f"says that {row['source']} goes to a repository that another host made"
            continue
        if at < (row["last_run"] or 0):
            continue
        values: dict[str, Any] = {"last_run": at, "retry_at": retry_at}
        if outcome.repository_id and not row["repository_id"]:
            values["repository_id"] = outcome.repository_id
        if outcome.snapshot and outcome.code in SNAPSHOT_MADE:
            moved, words = _claimed(watches.connection, row | values, outcome.snapshot, at, arrived, known, places)
            refused |= words
            if FOREIGN in words:
                continue
            values |= moved
            is_whole = INCOMPLETE not in (outcome.code, run.code)  # an older agent says it of the run alone
            values["incomplete"] = 0 if is_whole else row["incomplete"] + 1
            values |= {"bytes_added": outcome.counts[4], "duration": max(0, (run.ended or run.started) - run.started)}
            values |= {"failed_since": None, "failure_code": 0}
            if run.code == FILES_SAVED:
                values |= _failed(row, at, run.code)
        elif not NO_FAILURE & {outcome.code, run.code}:
            values |= _failed(row, at, outcome.code or run.code or 1)
        watches.change(row, values)
    if run.code not in NO_FAILURE | {0}:
        for row in rows.values():  # it ended before it came to these
            watches.change(row, {"last_run": at, "retry_at": retry_at} | _failed(row, at, run.code))
    return refused


def _claimed(
    connection: sa.Connection,
    row: dict[str, Any],
    snapshot: str,
    at: int,
    arrived: int,
    known: KnownRepositories,
    places: FollowedPlaces,
) -> tuple[dict[str, Any], dict[str, str]]:
    """What a host's word moves: nothing where a custodian cares for the repository, until it has seen the snapshot, and
    nothing where its gateway's log is followed, until that has the receipt.

    A snapshot is of the host that first said that it made it. Second: what was not taken, as above.
    """
    repository, host = row["repository_id"], row["host"]
    anothers = {FOREIGN: f"says that it made snapshot {snapshot[:8]}, which another host says, too"}
    if not repository or not known.is_cared_for(repository):
        followed = bool(repository) and places.are_followed(host, row["repository"])
        arrival = places.arrival(host, row["repository"], snapshot) if followed else at
        if arrival is not None:
            return good_backup(row, arrival, snapshot, RECEIPT if followed else CLAIMED), {}
    table = schema.seen
    where = table.c.repository == repository, table.c.snapshot == snapshot
    found = connection.execute(sa.select(table).where(*where)).one_or_none()
    if found is not None and found.host not in ("", host):
        return {}, anothers
    if found is not None and found.verdict == GOOD:
        if not found.host:
            connection.execute(table.update().where(*where).values(host=host))
        return good_backup(row, found.arrival, snapshot, CUSTODIAN), {}
    claim = schema.claim
    there = sa.select(claim.c.host).where(claim.c.repository == repository, claim.c.snapshot == snapshot)
    first = connection.execute(there).scalar()
    if first is not None:
        return {}, ({} if first == host else anothers)
    count = sa.select(sa.func.count()).where(claim.c.repository == repository)
    if connection.execute(count).scalar_one() >= MOST_CLAIMS:
        return {}, {MANY: f"says that it made more than {MOST_CLAIMS} snapshots that no custodian has found good"}
    values = {"host": host, "source": row["source"], "name": row["repository"], "at": arrived}
    connection.execute(claim.insert(), {"repository": repository, "snapshot": snapshot} | values)
    return {}, {}


def _failed(row: dict[str, Any], at: int, code: int) -> dict[str, Any]:
    return {"failed_since": at if row["failed_since"] is None else row["failed_since"], "failure_code": code}
