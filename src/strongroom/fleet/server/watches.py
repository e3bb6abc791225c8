"""Watches in the database: made from schedules, moved by runs and by what a custodian states."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Damaged
from strongroom.fleet.protocol.calendars import DAY, HOUR, Calendar
from strongroom.fleet.protocol.fields import visible
from strongroom.fleet.protocol.report import OVERLAP, SKIPPED
from strongroom.fleet.server import schema
from strongroom.fleet.server.judging.deadlines import (
    NEVER,
    Deadlines,
    answered_by,
    deadlines_after,
    longest_silence,
)
from strongroom.fleet.server.judging.states import Suspicion, WatchFacts
from strongroom.fleet.server.ownership import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.fleet.protocol.report import RunReport
    from strongroom.fleet.protocol.schedule_terms import ScheduleTerms
    from strongroom.fleet.server.ownership import KnownRepositories
    from strongroom.fleet.server.watch_rows import HostWatches

LAPTOP_LATE = 7 * DAY
"""The server's own ``late_after`` for hosts of the profile laptop, in seconds."""
CLAIMED, CUSTODIAN = "claimed", "custodian"
GOOD = "good"
"""The custodian's verdict that makes a backup."""
SNAPSHOT_MADE = (0, 3)
"""The exit codes with which a run has made a snapshot: whole, or without what could not be read."""
NO_FAILURE = {SKIPPED, OVERLAP}
FILES_SAVED = 76
"""The exit code of a run that saved the files and not a database."""
LONGER, MANY = "longer", "many"
"""The codes of two suspicions: a host says that it backs up less often; it names more than anybody backs up."""
MOST_WATCHES = 1024
"""Watches of one host, at most: as many as one report can name."""
MOST_CLAIMS = 1024
"""Claimed snapshots of one repository that no custodian has found good, at most."""
LONGEST_RETRY = 2 * HOUR
"""Seconds after its report within which a run that failed is tried again, whatever the host says."""
_USUAL_JITTER = HOUR // 2
_TERMS = ("grammar", "calendar", "zone", "jitter", "hosts_late")


def keep_schedules(
    watches: HostWatches,
    schedules: Sequence[ScheduleTerms],
    now: int,
    operators: int | None,
    ids: dict[str, str],
    *,
    longer: bool = False,
) -> dict[str, str]:
    """Make watches for what a host says it will back up; those it no longer names stay, until an operator retires them.

    A host may not lengthen its own deadline: ``operators`` is the server's, for watches that are new, and a schedule
    that lets more time pass than the one that is known counts only with ``longer``, which is an operator's word. What
    was not taken is returned: a suspicion's code and its words.
    """
    refused: dict[str, str] = {}
    named_now: set[tuple[str, str]] = set()
    known = watches.rows
    for terms in schedules:
        named = {
            "grammar": terms.grammar,
            "calendar": terms.calendar,
            "zone": terms.zone,
            "jitter": terms.jitter,
            "hosts_late": terms.late_after,
        }
        for repository in terms.repositories:
            key = terms.source, repository
            row = known.get(key)
            if key in named_now:  # twice in one report: the first counts
                continue
            named_now.add(key)
            if row is not None and all(row[name] == named[name] for name in _TERMS):
                continue
            values: dict[str, Any] = named | {"repository_id": ids.get(repository, row["repository_id"] if row else "")}
            if row is None and len(known) >= MOST_WATCHES:
                refused[MANY] = f"says that it backs up more than {MOST_WATCHES} things; the rest is not watched"
                continue
            if row is not None and not longer and _lets_more_pass(row, named, now):
                said = f"{terms.grammar} {terms.calendar}, {terms.zone}, up to {terms.jitter} s later"
                words = f"says that {terms.source} is backed up less often ({visible(said)}); the old schedule counts"
                if words not in refused.get(LONGER, ""):
                    refused[LONGER] = "; ".join((*filter(None, (refused.get(LONGER),)), words))
                continue
            if row is None:
                fresh = {"answered": now, "operators_late": operators}
                watches.add(_new(watches.host, terms.source, repository, now) | values | fresh)
                watches.change(known[key], _deadlines(known[key]))
                continue
            watches.change(row, values | _deadlines(row | values))
    return refused


def _lets_more_pass(row: dict[str, Any], named: dict[str, Any], now: int) -> bool:
    """Whether the schedule that a host names now is silent for longer than the one that is known of it."""
    calendar = calendar_of(row)
    before = None if calendar is None else longest_silence(calendar, now)
    if before is None:
        return False
    changed = calendar_of(named)
    after = None if changed is None else longest_silence(changed, now)
    return after is None or after > before or named["jitter"] > max(row["jitter"], _USUAL_JITTER)


def _new(host: str, source: str, repository: str, now: int) -> dict[str, Any]:
    return {
        **dict.fromkeys(("last_good", "due", "late", "twice", "last_run", "failed_since", "retry_at")),
        "host": host,
        "source": source,
        "repository": repository,
        "since": now,
        "snapshot": "",
        "evidence": "",
        "failure_code": 0,
        "incomplete": 0,
        "paused_until": 0,
        "pause_reason": "",
        "retired": 0,
        "bytes_added": 0,
        "duration": 0,
    }


def calendar_of(row: dict[str, Any]) -> Calendar | None:
    """The calendar of a watch; None where its words make no sense, which the host's own tools refuse."""
    return _calendar(row["grammar"], row["calendar"], row["zone"])


@functools.lru_cache(4096)
def _calendar(grammar: str, words: str, zone: str) -> Calendar | None:
    """Making one looks at fifty dates, and a fleet has few schedules."""
    try:
        return Calendar(grammar, words, zone)
    except Damaged:
        return None


def _deadlines(row: dict[str, Any]) -> dict[str, int | None]:
    calendar = calendar_of(row)
    found = NEVER
    if calendar is not None:
        found = deadlines_after(
            calendar, row["answered"], row["jitter"], row["operators_late"], row["hosts_late"] or None
        )
    return {"due": found.due, "late": found.late, "twice": found.twice}


def note_run(watches: HostWatches, run: RunReport, arrived: int, known: KnownRepositories) -> dict[str, str]:
    """What a run's report moves: claims, failures, incomplete backups.

    It happened when the host says, but never after its report came. What is older than the last good moves nothing.
    What was not taken is returned: a suspicion's code and its words.
    """
    refused: dict[str, str] = {}
    at = min(arrived, run.ended or run.started)
    retry_at = None if run.retry_at is None else min(run.retry_at, arrived + LONGEST_RETRY)
    rows = {one["repository"]: one for one in watches.of_source(run.source)}
    for outcome in run.outcomes:
        row = rows.pop(outcome.repository, None)
        if row is None or at < (row["last_run"] or 0):
            continue
        if any(known.is_anothers(one, watches.host) for one in (outcome.repository_id, row["repository_id"])):
            refused[FOREIGN] = f"says that {row['source']} goes to a repository that another host made"
            continue
        values: dict[str, Any] = {"last_run": at, "retry_at": retry_at}
        if outcome.repository_id and not row["repository_id"]:
            values["repository_id"] = outcome.repository_id
        if outcome.snapshot and outcome.code in SNAPSHOT_MADE:
            moved, words = _claimed(watches.connection, row | values, outcome.snapshot, at, arrived, known)
            refused |= words
            if FOREIGN in words:
                continue
            values |= moved
            values["incomplete"] = row["incomplete"] + 1 if outcome.code else 0
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
    connection: sa.Connection, row: dict[str, Any], snapshot: str, at: int, arrived: int, known: KnownRepositories
) -> tuple[dict[str, Any], dict[str, str]]:
    """What a host's word moves: nothing where a custodian cares for the repository, until it has seen the snapshot.

    A snapshot is of the host that first said that it made it. Second: what was not taken, as above.
    """
    repository, host = row["repository_id"], row["host"]
    anothers = {FOREIGN: f"says that it made snapshot {snapshot[:8]}, which another host says, too"}
    if not repository or not known.is_cared_for(repository):
        return good_backup(row, at, snapshot, CLAIMED), {}
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


def good_backup(row: dict[str, Any], at: int, snapshot: str, evidence: str) -> dict[str, Any]:
    """A good backup that arrived at ``at``: it answers a due date. One that is older than the last moves nothing."""
    if at < (row["last_good"] or 0):
        return {}
    values: dict[str, Any] = {"last_good": at, "snapshot": snapshot, "evidence": evidence}
    calendar = calendar_of(row)
    if calendar is None or (calendar.every is None and row["due"] is not None and at < row["due"]):
        return values  # the same due date is answered as before
    values["answered"] = max(row["answered"], answered_by(calendar, at, row["since"]))
    return values | _deadlines(row | values)


def update_watch(connection: sa.Connection, row: dict[str, Any], values: dict[str, Any]) -> None:
    table = schema.watch
    where = table.c.host == row["host"], table.c.source == row["source"], table.c.repository == row["repository"]
    connection.execute(table.update().where(*where).values(**values))


def facts_of(row: sa.Row[tuple[Any, ...]], suspicions: tuple[Suspicion, ...]) -> WatchFacts:
    """What is known of a watch, for ``judge``."""
    return WatchFacts(
        row.since,
        Deadlines(row.due, row.late, row.twice),
        row.last_good,
        row.evidence == CLAIMED,
        row.failed_since,
        row.retry_at,
        row.failure_code,
        row.incomplete,
        None,
        suspicions,
        row.paused_until,
        bool(row.retired),
        row.late is None and row.calendar != "",
    )
