"""Which good snapshots stand in the list: of each source enough to choose from, so that the list stays small.

However many come, those of earlier days and months keep their lines: who has a host for a week, and passes for good,
fills lines of that week alone. A source's lines are no other source's.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.custody.good.text import GoodSnapshot, GoodSource
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.ledger import printable
from strongroom.custody.schemas.main import snapshot, stored
from strongroom.database.prepared import plain, prepared
from strongroom.format import rfc3339
from strongroom.retention.guarded import DAY, GOOD

if TYPE_CHECKING:
    from collections.abc import Sequence

NEWEST, DAYS, MONTHS = 24, 30, 24
"""So many of the newest, and the last of so many days and months (UTC) that hold one, stand there of each source."""
MOST_LINES = 2000
"""The sources share so many lines; each has one at least."""
MOST_SOURCES = 2000
"""Of more sources those stand there that have the newest snapshots."""
_LONGEST_NAME = 400
_SECOND = 10**9
_Row = list[Any]
"""ID, arrival, claimed time, since when it is good."""


def chosen(connection: sa.Connection, repository: str, *, hidden: bool = False) -> tuple[GoodSource, ...]:
    """The sources of a repository with their lines, the one with the newest snapshot first. ``hidden``: by numbers, and
    not by their hosts and paths."""
    by_source: defaultdict[str, list[_Row]] = defaultdict(list)
    for source, *row in plain(connection, *_good_query(repository)):
        by_source[source].append(row)
    names = list(by_source)[:MOST_SOURCES]
    share = max(MOST_LINES // max(len(names), 1), 1)
    return tuple(
        GoodSource(
            f"{number}, whose name is hidden" if hidden else printable(name, _LONGEST_NAME),
            len(by_source[name]),
            _lines(by_source[name], share),
        )
        for number, name in enumerate(names, 1)
    )


@prepared
def _good_query(repository: str) -> sa.Select[Any]:
    """Good snapshots that are there, the newest first."""
    same = sa.and_(
        stored.c.repository == snapshot.c.repository,
        stored.c.kind == Kind.SNAPSHOT.value,
        stored.c.name == snapshot.c.id,
    )
    columns = (snapshot.c.source, snapshot.c.id, snapshot.c.arrival_ns, snapshot.c.claimed_ns, snapshot.c.judged_ns)
    return (
        sa.select(*columns)
        .select_from(snapshot.join(stored, same))
        .where(
            snapshot.c.repository == repository,
            snapshot.c.verdict == GOOD,
            snapshot.c.operator != CONDEMNED,
            stored.c.gone_ns.is_(None),
            stored.c.fault.is_(None),
        )
        .order_by(snapshot.c.arrival_ns.desc(), snapshot.c.id)
    )


def _lines(rows: Sequence[_Row], share: int) -> tuple[GoodSnapshot, ...]:
    """Lines for some of one source's, newest first: days come before months, and months before the rest."""
    days: dict[int, int] = {}
    for place, row in enumerate(rows):
        days.setdefault(row[1] // DAY, place)
    months: dict[str, int] = {}
    for place in days.values():
        months.setdefault(rfc3339.format_utc(rows[place][1])[:7], place)
    places = [*list(days.values())[:DAYS], *list(months.values())[:MONTHS], *range(min(NEWEST, len(rows)))]
    kept = list(dict.fromkeys(places))[:share]
    return tuple(
        GoodSnapshot(name, in_seconds(arrival_ns), in_seconds(claimed_ns), in_seconds(judged_ns))
        for name, arrival_ns, claimed_ns, judged_ns in (rows[place] for place in sorted(kept))
    )


def in_seconds(ns: int) -> str:
    """A time as the list has it, in RFC 3339."""
    return rfc3339.format_utc(ns // _SECOND * _SECOND)
