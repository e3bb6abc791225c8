"""Pings of single runs: a `healthchecks` channel with `runs=HOST/SOURCE` hears when each run begins and how it ended.

What is pinged is the host's word, with the end of its log; whether a backup came is what alerts say. A ping for a run
that is over for long must not look like one of now: it only adds to that service's log.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import sqlalchemy as sa

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.fleet.protocol.report import OVERLAP, SKIPPED, parse_report
from strongroom.fleet.protocol.signed import parse_signed
from strongroom.fleet.server.channels.kinds import ChannelMessage
from strongroom.fleet.server.schemas import alerting
from strongroom.fleet.server.schemas import main as schema

LOG_ONLY = "log"
"""What changes nothing at the service, and is written down there."""
STALE = 6 * 3600
"""A run that ended so many seconds ago is no news."""
AT_ONCE = 50
_LOOK_BACK = 120
"""So many seconds before the newest one a report may have come in a transaction that ended later."""
_MOST_LOG = 10_000
_UNTOLD = (SKIPPED, OVERLAP)


def is_of_runs(row: Any) -> bool:
    """Whether a channel hears of runs, and nothing of all being well."""
    return "runs" in json.loads(row.settings)


def route_runs(connection: sa.Connection, row: Any, now: int) -> None:
    """Write down what of the new reports this channel will say. ``sent_to`` is when the newest one of them came."""
    host, _, source = json.loads(row.settings)["runs"].partition("/")
    report, delivery = schema.report, alerting.delivery
    since = max(row.proven or now, row.sent_to - _LOOK_BACK)
    query = (
        sa.select(report)
        .join(schema.host, schema.host.c.id == report.c.host)
        .where(schema.host.c.name == host, report.c.kind.in_(("run", "start")), report.c.arrived >= since)
        .order_by(report.c.arrived, report.c.sequence)
    )
    mine = delivery.c.channel == row.name
    newest, known = row.sent_to, set(connection.execute(sa.select(delivery.c.number).where(mine)).scalars())
    for one in connection.execute(query).all():
        newest = max(newest, one.arrived)
        number = (one.sequence % 2**38 << 24) + int(one.sha256[:6], 16)
        if number not in known and (values := _ping_of(bytes(one.message), source, one.arrived)) is not None:
            keys = {"channel": row.name, "number": number, "due": now, "attempts": 0}
            connection.execute(delivery.insert(), values | keys)
    if newest != row.sent_to:
        table = alerting.channel
        connection.execute(table.update().where(table.c.name == row.name).values(sent_to=newest))


def _ping_of(message: bytes, source: str, arrived: int) -> dict[str, Any] | None:
    """What is said of a report; None where it is of no run of this source."""
    try:
        report = parse_report(parse_signed(message))
    except (Damaged, LimitExceeded):  # it was taken by a version that read it otherwise
        return None
    run = report.run
    if run is None or run.source != source:
        return None
    event = "start" if report.kind == "start" else LOG_ONLY if run.code in _UNTOLD else str(run.code)
    at = run.started if report.kind == "start" else run.ended or arrived
    log = run.log.encode("utf-8", "replace")[-_MOST_LOG:].decode("utf-8", "ignore")
    return {"at": min(at, arrived), "subject": f"{event} {uuid.UUID(hex=run.id)}", "body": log}


def waiting_runs(connection: sa.Connection, row: Any, now: int) -> list[Any]:
    """What is to be said now, in the order of the host's reports: nothing while the oldest waits for its next try."""
    table = alerting.delivery
    query = sa.select(table).where(table.c.channel == row.name, table.c.done.is_(None)).order_by(table.c.number)
    found = connection.execute(query.limit(AT_ONCE)).all()
    return list(found) if found and found[0].due <= now else []


def run_message(one: Any, now: int) -> ChannelMessage:
    """The ping of a run."""
    event, _, identity = str(one.subject).partition(" ")
    if event in ("start", "0") and not -STALE < now - one.at < STALE:
        event = LOG_ONLY
    return ChannelMessage(event, one.body, False, {"event": event, "rid": identity})
