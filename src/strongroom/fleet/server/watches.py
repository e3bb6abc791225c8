"""Watches in the database: made from schedules, with the deadlines that a backup moves."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Damaged
from strongroom.fleet.protocol.calendars import DAY, HOUR, LONGEST, Calendar
from strongroom.fleet.protocol.fields import visible
from strongroom.fleet.server.judging.deadlines import (
    NEVER,
    Deadlines,
    answered_by,
    deadlines_after,
    longest_silence,
)
from strongroom.fleet.server.judging.states import Suspicion, WatchFacts
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.fleet.protocol.schedule_terms import ScheduleTerms
    from strongroom.fleet.server.watch_rows import HostWatches

LAPTOP_LATE = 7 * DAY
"""The server's own ``late_after`` for hosts of the profile laptop, in seconds."""
CLAIMED, RECEIPT, CUSTODIAN = "claimed", "receipt", "custodian"
"""Whose word a last good backup is."""
GOOD = "good"
"""The custodian's verdict that makes a backup."""
LONGER, MANY = "longer", "many"
"""The codes of two suspicions: a host says that it backs up less often; it names more than anybody backs up."""
MOST_WATCHES = 1024
"""Watches of one host, at most: as many as one report can name."""
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
    made = {row["repository"]: row["repository_id"] for row in known.values() if row["repository_id"]} | ids
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
            values: dict[str, Any] = named | {
                "repository_id": made.get(repository, "") if row is None else ids.get(repository, row["repository_id"])
            }
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
                watches.add(new_values(watches.host, terms.source, repository, now) | values | fresh)
                watches.change(known[key], deadline_values(known[key]))
                continue
            watches.change(row, values | deadline_values(row | values))
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


def new_values(host: str, source: str, repository: str, now: int) -> dict[str, Any]:
    """A watch of which nothing is known yet, but its schedule."""
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


def deadline_values(row: dict[str, Any]) -> dict[str, int | None]:
    """What follows from schedule, terms and the due date that was answered."""
    calendar = calendar_of(row)
    found = NEVER
    if calendar is not None:
        found = deadlines_after(
            calendar, row["answered"], row["jitter"], row["operators_late"], row["hosts_late"] or None
        )
    return {"due": found.due, "late": found.late, "twice": found.twice}


def good_backup(row: dict[str, Any], at: int, snapshot: str, evidence: str) -> dict[str, Any]:
    """A good backup that arrived at ``at``: it answers a due date. One that is older than the last moves nothing."""
    if at < (row["last_good"] or 0):
        return {}
    values: dict[str, Any] = {"last_good": at, "snapshot": snapshot, "evidence": evidence}
    calendar = calendar_of(row)
    if calendar is None or (calendar.every is None and row["due"] is not None and at < row["due"]):
        return values  # the same due date is answered as before
    values["answered"] = max(row["answered"], answered_by(calendar, at, row["since"]))
    return values | deadline_values(row | values)


def update_watch(connection: sa.Connection, row: dict[str, Any], values: dict[str, Any]) -> None:
    """Change a watch that was read; nothing where nothing changes."""
    if not values:
        return
    table = schema.watch
    where = table.c.host == row["host"], table.c.source == row["source"], table.c.repository == row["repository"]
    connection.execute(table.update().where(*where).values(**values))


def facts_of(
    row: sa.Row[tuple[Any, ...]], suspicions: tuple[Suspicion, ...], uploading: int | None = None
) -> WatchFacts:
    """What is known of a watch, for ``judge``. ``uploading``: when receipts last said that something came."""
    return WatchFacts(
        row.since,
        Deadlines(row.due, row.late, row.twice),
        row.last_good,
        row.evidence == CLAIMED,
        row.failed_since,
        row.retry_at,
        row.failure_code,
        row.incomplete,
        uploading,
        suspicions,
        row.paused_until,
        bool(row.retired),
        row.calendar != "" and (row.due is None or row.due - row.answered > LONGEST),
    )
