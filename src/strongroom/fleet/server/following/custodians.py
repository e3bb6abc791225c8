"""What is wrong around the custodian: its statements stop, its rounds or drills do not come."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.fleet.protocol.statement import BREAKER
from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.following.statements import LONGEST_PROMISE, REPLACED
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOUR, DAY = 3600, 86400
SILENT, LONG_SILENT = HOUR // 2, 2 * HOUR
"""So many seconds after the statement that did not come it is a warning, and then critical."""
ROUND_GAP = 26 * HOUR
"""So long after the last round one is late: a daily timer with two hours to spare, as the custodian has it."""
DRILL_GAP = 8 * DAY
"""So long after the last drill one is due: weekly, with a day to spare, as the custodian has it."""
BROKEN_STANDING = "broken"
SILENCE, ROUND, DRILL, INCIDENT = "custodian", "round", "drill", "incident"


def current_care() -> sa.Select[Any]:
    """What the custodian that counts has said of repositories; what one before it said is history."""
    table, custodian, care = schema.stated, schema.custodian, following.care
    return (
        sa.select(table, care.c.since.label("in_care_since"))
        .join(custodian, custodian.c.id == table.c.custodian)
        .outerjoin(care, care.c.repository == table.c.repository)
        .where(custodian.c.name != REPLACED)
    )


def silent_custodians(connection: sa.Connection, now: int) -> list[Wrong]:
    """Custodians that have spoken once, and do not come again when they said that they would."""
    table, promise = schema.custodian, following.promise
    query = (
        sa.select(table.c.id, table.c.heard, promise.c.seconds)
        .outerjoin(promise, promise.c.custodian == table.c.id)
        .where(table.c.heard.is_not(None), table.c.name != REPLACED)
    )
    found = []
    for row in connection.execute(query):
        awaited = row.heard + (LONGEST_PROMISE if row.seconds is None else row.seconds)
        if now > awaited + SILENT:
            hours = (now - row.heard) // HOUR
            since = f"{hours} hours" if hours > 1 else f"{(now - row.heard) // 60} minutes"
            words = f"has stated nothing for {since}: what it verifies and drills is not known"
            found.append(Wrong(f"custodian {row.id[:8]}", SILENCE, "", now > awaited + LONG_SILENT, words))
    return found


def broken_since(row: Any) -> int | None:
    """Since when a custodian finds a repository broken, as it stated; None where it does not, or there is no row."""
    if row is None or row.standing != BROKEN_STANDING:
        return None
    opened = (int(one["opened"]) for one in json.loads(row.incidents) if kind_of(one) == INCIDENT)
    return min(opened, default=int(row.at))


def kind_of(stated: Mapping[str, Any]) -> str:
    """Of which kind the alert is about something that a custodian stated."""
    return BREAKER if stated["code"] == BREAKER else INCIDENT


def late_care(repositories: Iterable[Any], now: int) -> list[Wrong]:
    """Repositories in care whose rounds or drills do not come; ``repositories``: rows of ``current_care``."""
    found = []
    for row in repositories:
        round_from = row.in_care_since if row.round_ended is None else row.round_ended
        if round_from is not None and now > round_from + ROUND_GAP:
            hours = (now - round_from) // HOUR
            words = f"the custodian has ended no round for {hours} hours"
            words += ", and none before" if row.round_ended is None else ""
            found.append(Wrong(f"{row.name}/{ROUND}", ROUND, "", now > round_from + 2 * ROUND_GAP, words))
        drill_from = row.in_care_since if row.drilled is None else row.drilled
        if drill_from is not None and now > drill_from + DRILL_GAP:
            words = f"the last drill was {(now - drill_from) // DAY} days ago"
            if row.drilled is None:
                words = f"nothing of it was ever restored: `strongroom custody drill {row.name}`"
            found.append(Wrong(f"{row.name}/{DRILL}", DRILL, "", False, words))
    return found
