"""Which messages a channel carries: each notice in its turn, a digest of quiet hours, a summary of what is too much."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import StrongroomError
from strongroom.base.server_log import LOG
from strongroom.fleet.server.alerting.machine import Said
from strongroom.fleet.server.alerting.routing import carries, due_at, messages_of, terms_of
from strongroom.fleet.server.alerting.tagging import tags_of_hosts
from strongroom.fleet.server.channels import run_pings
from strongroom.fleet.server.channels.kinds import PINGS, ChannelMessage
from strongroom.fleet.server.schemas import alerting as schema

if TYPE_CHECKING:
    from collections.abc import Sequence

Outgoing = tuple[ChannelMessage, list[Any]]
"""A message, and the rows of ``fleet_delivery`` that it says."""
_MOST_LINES = 200
URGENT = 60
"""So many seconds apart critical ones go out where a channel has no room."""


def routed(connection: sa.Connection, row: Any, now: int) -> bool:
    """Write down what a proven channel will say. One of which the database makes no sense is one that fails, and keeps
    no other from what it has to say."""
    try:
        if row.kind not in PINGS:
            route(connection, row, now)
        elif run_pings.is_of_runs(row):
            run_pings.route_runs(connection, row, now)
    except (StrongroomError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        table = schema.channel
        words = f"{now} what the database has of it makes no sense: {type(error).__name__}"
        where = table.c.name == row.name, table.c.trouble == ""
        if connection.execute(table.update().where(*where).values(trouble=words)).rowcount:
            LOG.error(f"the channel {row.name} carries nothing: what the database has of it makes no sense")
        return False
    return True


def route(connection: sa.Connection, row: Any, now: int) -> None:
    """Write down what of the new notices this channel will say, and when."""
    table = schema.notice
    terms = terms_of(json.loads(row.settings))
    tagged = tags_of_hosts(connection) if terms.tags else {}
    newest = row.sent_to
    new = table.c.number > row.sent_to, table.c.number < schema.MOST_NOTICES
    for one in connection.execute(sa.select(table).where(*new).order_by(table.c.number)).all():
        newest = one.number
        tags = tagged.get(one.host, frozenset())
        if not carries(terms, bool(one.critical), one.host, Said(one.said), bool(one.escalated), one.kind, tags):
            continue
        severity = "critical" if one.critical else "warning"
        due = due_at(terms, bool(one.critical), now)
        values = {"channel": row.name, "number": one.number, "at": one.at, "attempts": 0}
        subject = f"{one.said}: {one.subject}: {one.words}"[:200]
        body = f"{one.subject}: {one.words}\n\nkind: {one.kind}\nseverity: {severity}\n"
        values |= {"due": due, "digest": int(due > now), "subject": f"[{severity}] {subject}", "body": body}
        connection.execute(schema.delivery.insert(), values)
    if newest != row.sent_to:
        connection.execute(schema.channel.update().where(schema.channel.c.name == row.name).values(sent_to=newest))


def in_messages(waiting: Sequence[Any], sent_lately: int, silent: int) -> tuple[list[Outgoing], list[Outgoing]]:
    """What goes out one by one now, and a summary of the rest or nothing.

    ``waiting``: the rows that are due; ``sent_lately``: messages in the last ten minutes; ``silent``: seconds since the
    last of them. What waited for the end of quiet hours is one message. What is critical waits for room a minute.
    """
    kept = [one for one in waiting if one.digest]
    groups = [[one] for one in waiting if not one.digest]
    if kept:
        groups.insert(0, kept)
    count, summary = messages_of(len(groups), sent_lately)
    urgent = [one for one in waiting if _is_critical(one)]
    if urgent and not count and not summary and silent >= URGENT:
        return [(_message(urgent[0]) if len(urgent) == 1 else _summary(urgent), urgent)], []
    single = [(_message(rows[0]) if len(rows) == 1 else _digest(rows), rows) for rows in groups[:count]]
    rest = [one for rows in groups[count:] for one in rows]
    return single, [(_summary(rest), rest)] if summary else []


def _message(one: Any) -> ChannelMessage:
    critical = _is_critical(one)
    return ChannelMessage(
        one.subject, one.body, critical, {"number": one.number, "critical": critical, "body": one.body}
    )


def _digest(rows: Sequence[Any]) -> ChannelMessage:
    return _list_of(rows, f"{len(rows)} messages of the quiet hours")


def _summary(rows: Sequence[Any]) -> ChannelMessage:
    return _list_of(rows, f"{len(rows)} messages about the fleet")


def _list_of(rows: Sequence[Any], words: str) -> ChannelMessage:
    critical = any(map(_is_critical, rows))
    severity = "critical" if critical else "warning"
    more = "\n…" if len(rows) > _MOST_LINES else ""
    worst_first = sorted(rows, key=lambda one: not _is_critical(one))
    body = "\n".join(str(one.subject) for one in worst_first[:_MOST_LINES]) + more + "\n"
    facts = {"number": rows[-1].number, "critical": critical, "body": body}
    return ChannelMessage(f"[{severity}] {words}", body, critical, facts)


def _is_critical(one: Any) -> bool:
    return str(one.subject).startswith("[critical]")
