"""Which objects wait to be read, in which order, and with how many requests each is."""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.schemas.main import stored
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.state import State

_ORDER = {Kind.KEY: 0, Kind.SNAPSHOT: 1, Kind.INDEX: 2, Kind.DATA: 3}


def waiting_objects(state: State, repository: str) -> list[tuple[ObjectName, int]]:
    """What was never read, or changed since, with sizes: in the order in which a round reads it, `in_turns`."""
    with state.database.read() as connection:
        rows = connection.execute(*_waiting_query(repository)).all()
    names = [(ObjectName(Kind(row.kind), row.name), row.size) for row in rows]
    return in_turns(names)


def requests_for(name: ObjectName) -> int:
    """With how many requests an object is read: of a key its size is asked for first."""
    return 2 if name.kind is Kind.KEY else 1


def in_turns(names: Iterable[tuple[ObjectName, int]]) -> list[tuple[ObjectName, int]]:
    """A key, a snapshot, an index and a pack in turn, each kind as it is: what comes of one kind without end, such as
    junk snapshots, keeps nothing of another kind from being read within a budget (threat B-4)."""
    before: Counter[Kind] = Counter()
    placed = []
    for item in names:
        kind = item[0].kind
        placed.append((before[kind], _ORDER[kind], item))
        before[kind] += 1
    return [item for _, _, item in sorted(placed, key=itemgetter(0, 1))]


@prepared
def _waiting_query(repository: str) -> sa.Select[Any]:
    return (
        sa.select(stored.c.kind, stored.c.name, stored.c.size)
        .where(stored.c.repository == repository, stored.c.gone_ns.is_(None), stored.c.verified_ns.is_(None))
        .order_by(stored.c.arrival_ns)
    )


def due_objects(state: State, repository: str, older_than_ns: int) -> list[tuple[ObjectName, int]]:
    """What was last read before then, with sizes, the oldest first."""
    with state.database.read() as connection:
        rows = connection.execute(*_due_query(repository, older_than_ns)).all()
    return [(ObjectName(Kind(row.kind), row.name), row.size) for row in rows]


@prepared
def _due_query(repository: str, older_than_ns: int) -> sa.Select[Any]:
    return (
        sa.select(stored.c.kind, stored.c.name, stored.c.size)
        .where(stored.c.repository == repository, stored.c.gone_ns.is_(None), stored.c.verified_ns < older_than_ns)
        .order_by(stored.c.verified_ns)
    )
