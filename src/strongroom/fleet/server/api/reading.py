"""What a token may see, read from the database, page by page."""

from __future__ import annotations

import base64
import binascii
import json
import threading
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Missing
from strongroom.fleet.protocol.report import COUNTS, parse_report
from strongroom.fleet.protocol.signed import parse_signed
from strongroom.fleet.server.api.documents import (
    AlertDocument,
    ChannelDocument,
    HostDocument,
    RunDocument,
    WatchDocument,
)
from strongroom.fleet.server.judging.states import ORDER, WatchState
from strongroom.fleet.server.schemas import alerting
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.standing import FleetStanding, standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.fleet.server.api.tokens import ApiToken
    from strongroom.fleet.server.standing import StandingWatch
    from strongroom.fleet.server.state import FleetState

LIMIT, MOST_LIMIT = 100, 500
MOST_RUNS = 50
STANDING_SECONDS = 5
"""So long one look at everything serves all who ask."""
One = TypeVar("One")
Key = list[str | int]


class SharedStanding:
    """How everything stands, looked at once for all who ask at about the same time. Safe to use from many threads."""

    def __init__(self, state: FleetState) -> None:
        self._state = state
        self._guard = threading.Lock()
        self._found: tuple[int, FleetStanding] | None = None

    def get(self) -> FleetStanding:
        """As it was a moment ago. Raises ``Unavailable``."""
        with self._guard:
            now = self._state.now()
            if self._found is None or not 0 <= now - self._found[0] < STANDING_SECONDS:
                self._found = now, standing(self._state, now)
            return self._found[1]


def page_of(items: Sequence[One], key: Callable[[One], Key], cursor: str, limit: int) -> tuple[list[One], str | None]:
    """The items after the cursor, in the order of their keys, and the next cursor. Raises ``Damaged``."""
    after = parse_cursor(cursor)
    if after and items and [type(one) for one in after] != [type(one) for one in key(items[0])]:
        raise Damaged("this is no cursor of this list", subject=cursor[:50])
    left = [one for one in items if not after or key(one) > after]
    shown = left[:limit]
    return shown, cursor_of(key(shown[-1])) if len(left) > limit else None


def cursor_of(key: Key) -> str:
    """The cursor of what comes after the item with this key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def parse_cursor(cursor: str) -> Key:
    """The key that a cursor stands for; empty for none. Raises ``Damaged``."""
    if not cursor:
        return []
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not found or not all(type(one) in (str, int) for one in found):
        raise Damaged("this is no cursor", subject=cursor[:50])
    return found


def watch_document(one: StandingWatch, now: int) -> WatchDocument:
    """A watch as the API has it."""
    judgement, is_paused = one.judgement, one.paused_until > now
    return WatchDocument(
        one.host,
        one.source,
        one.repository,
        judgement.state.value,
        judgement.since,
        one.last_good,
        one.evidence,
        one.failed_since,
        one.due,
        one.deadline,
        one.verified,
        one.drilled,
        one.bytes_added,
        one.duration,
        one.paused_until if is_paused else None,
        one.pause_reason if is_paused else "",
        [condition.words for condition in judgement.conditions],
    )


def watch_key(one: StandingWatch) -> Key:
    """Worst first."""
    return [ORDER[one.judgement.state], one.subject]


def watches(found: FleetStanding, token: ApiToken, state: str) -> list[StandingWatch]:
    """Those that a token sees, of one state where one is named. Raises ``Damaged``."""
    if state and state not in {one.value for one in WatchState}:
        raise Damaged("there is no such state of a watch", subject=state[:50])
    seen = [one for one in found.watches if token.sees(one.host)]
    return [one for one in seen if not state or one.judgement.state.value == state]


def hosts(state: FleetState, token: ApiToken) -> list[HostDocument]:
    """Those that a token sees, by name."""
    table = schema.host
    columns = [column for column in table.c if column.name not in ("public", "done", "opened")]
    with state.database.read() as connection:
        rows = connection.execute(sa.select(*columns).order_by(table.c.name)).all()
    return [_host(row) for row in sorted(rows, key=lambda row: str(row.name)) if token.sees(str(row.name))]


def _host(row: Any) -> HostDocument:
    try:
        versions = {str(name): str(value) for name, value in json.loads(row.versions).items()}
    except (AttributeError, RecursionError, TypeError, ValueError):
        versions = {}  # one row that makes no sense hides no other host
    name = str(row.name)
    words = row.state, row.profile, row.joined, row.reported, row.clock_offset
    return HostDocument(name, row.id, *words, versions, str(row.tags).split())


def runs(
    state: FleetState, token: ApiToken, name: str, cursor: str, limit: int
) -> tuple[list[RunDocument], str | None]:
    """Runs of one host, newest first, and the next cursor. Raises ``Missing`` or ``Damaged``."""
    after = parse_cursor(cursor)
    if after and (len(after) != 1 or type(after[0]) is not int or not 0 <= after[0] < 1 << 63):
        raise Damaged("this is no cursor of this list", subject=cursor[:50])
    table = schema.report
    limit = min(limit, MOST_RUNS)
    with state.database.read() as connection:
        found = host_seen(connection, token, name)
        where = [table.c.host == found, table.c.kind == "run"] + ([table.c.sequence < after[0]] if after else [])
        query = sa.select(table).where(*where).order_by(table.c.sequence.desc(), table.c.sha256).limit(limit + 1)
        rows = connection.execute(query).all()
    items = [one for row in rows[:limit] if (one := _run(row)) is not None]
    return items, cursor_of([rows[limit - 1].sequence]) if len(rows) > limit else None


def host_seen(connection: sa.Connection, token: ApiToken, name: str) -> str:
    """The ID of a host that a token sees. Raises ``Missing``."""
    host = schema.host
    found = connection.execute(sa.select(host.c.id).where(host.c.name == name)).scalar()
    if found is None or not token.sees(name):
        raise Missing("there is no host of this name", subject=name[:100])
    return str(found)


def _run(row: Any) -> RunDocument | None:
    run = parse_report(parse_signed(bytes(row.message))).run
    if run is None:
        return None
    outcomes: list[dict[str, str | int]] = [
        {
            "repository": one.repository,
            "snapshot": one.snapshot,
            "code": one.code,
            **dict(zip(COUNTS, one.counts, strict=True)),
        }
        for one in run.outcomes
    ]
    return RunDocument(
        row.sequence,
        row.arrived,
        run.id,
        run.source,
        run.due,
        run.started,
        run.ended,
        run.code,
        outcomes,
        list(run.paths),
        run.log,
    )


def alerts(state: FleetState, token: ApiToken) -> list[AlertDocument]:
    """Open alerts of hosts that a token sees; what concerns no single host is for those that see all."""
    table = alerting.alert
    with state.database.read() as connection:
        rows = connection.execute(sa.select(table)).all()
    found = [
        AlertDocument(
            row.subject,
            row.kind,
            row.host,
            bool(row.critical),
            row.words,
            row.opened,
            bool(row.acknowledged),
            bool(row.grouped),
        )
        for row in rows
        if (token.sees(row.host) if row.host else token.sees_all)
    ]
    return sorted(found, key=lambda one: (one.subject, one.kind))


def channels(state: FleetState, token: ApiToken) -> list[ChannelDocument]:
    """All of them, for a token that sees all; their settings name people, and are left out."""
    if not token.sees_all:
        return []
    table = alerting.channel
    with state.database.read() as connection:
        rows = connection.execute(sa.select(table)).all()
    found = [ChannelDocument(row.name, row.kind, row.proven, row.trouble) for row in rows]
    return sorted(found, key=lambda one: one.name)
