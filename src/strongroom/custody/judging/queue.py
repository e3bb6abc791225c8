"""Which snapshots wait to be judged, and in which order."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.record import record
from strongroom.custody.arrival import CLAIMED
from strongroom.custody.judging.reading import read_and_well
from strongroom.custody.judging.verdicts import INCOMPLETE, PENDING
from strongroom.custody.schemas.main import snapshot, stored
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.catalogue import Age
    from strongroom.custody.state import State


@record
class WaitingSnapshot:
    """One that has no verdict yet, or none for good. ``incomplete``: its verdict says so, and stays while it is so."""

    id: str
    arrival_ns: int
    earliest_ns: int
    dated: bool
    operator: str
    verdict: str | None
    incomplete: bool


def waiting_snapshots(state: State, repository: str, age: Age) -> list[WaitingSnapshot]:
    """Those without a verdict; incomplete ones once the catalogue is another; pending ones. By their arrival."""
    with state.database.read() as connection:
        rows = connection.execute(*_waiting_query(repository, age.generation)).all()
    new = [
        WaitingSnapshot(
            row.name,
            row.arrival_ns,
            row.earliest_ns,
            row.evidence != CLAIMED,
            row.operator or "",
            row.verdict,
            row.verdict not in (None, PENDING) and f'"{INCOMPLETE}"' in row.reasons,
        )
        for row in rows
    ]
    return sorted(new, key=lambda one: (one.arrival_ns, one.id))


def in_turn(new: Iterable[WaitingSnapshot], now_ns: int) -> list[WaitingSnapshot]:
    """The order where not all may have their turn: those that were never judged by their arrival, and between them the
    others, in another order each time. So no crowd of either kind keeps one of them waiting for ever."""
    fresh: list[WaitingSnapshot] = []
    again: list[WaitingSnapshot] = []
    for one in new:
        (fresh if one.verdict is None else again).append(one)
    again.sort(key=lambda one: hashlib.sha256(f"{now_ns} {one.id}".encode()).digest())
    pairs = itertools.zip_longest(fresh, again)
    return [one for pair in pairs for one in pair if one is not None]


def may_be_hurt(connection: sa.Connection, repository: str, age: Age) -> bool:
    """Whether something was lost since a snapshot was found whole."""
    return connection.execute(*_hurt_query(repository, age.losses)).one_or_none() is not None


@prepared
def _hurt_query(repository: str, losses: int) -> sa.Select[tuple[str]]:
    here = snapshot.c.repository == repository
    return sa.select(snapshot.c.id).where(here, snapshot.c.whole >= 0, snapshot.c.whole < losses).limit(1)


@prepared
def _waiting_query(repository: str, generation: int) -> sa.Select[Any]:
    joined = stored.outerjoin(
        snapshot, sa.and_(snapshot.c.repository == stored.c.repository, snapshot.c.id == stored.c.name)
    )
    return (
        sa.select(
            stored.c.name,
            stored.c.arrival_ns,
            stored.c.earliest_ns,
            stored.c.evidence,
            snapshot.c.operator,
            snapshot.c.verdict,
            snapshot.c.reasons,
        )
        .select_from(joined)
        .where(
            read_and_well(repository),
            sa.or_(
                snapshot.c.id.is_(None),
                snapshot.c.verdict == PENDING,
                sa.and_(snapshot.c.whole < 0, snapshot.c.generation != generation),
            ),
        )
    )
