"""Sources that send nothing good any more, though others of their repository do: one that is fresh hides none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.custody.arrival import CLAIMED
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.planning import retired_sources
from strongroom.custody.schema import snapshot, stored
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted

AHEAD_NS = 5 * 60 * 10**9
"""What is further in the future than this was dated by a clock that was wrong then, and says nothing of now."""
_THERE = sa.and_(
    stored.c.repository == snapshot.c.repository,
    stored.c.name == snapshot.c.id,
    stored.c.kind == Kind.SNAPSHOT.value,
    stored.c.gone_ns.is_(None),
    stored.c.fault.is_(None),
)


def newest_good(connection: sa.Connection, adopted: Adopted) -> dict[str, int]:
    """When the newest good snapshot of each source arrived, for those of which one is due.

    That is each which an operator did not retire; and of those that sent nothing since adoption alone what was still
    sending then, by the claimed time of its newest: old history has many that ended long ago.
    """
    rows = connection.execute(*_newest_query(adopted.id)).all()
    retired = retired_sources(connection, adopted.id)
    return {
        row.source: int(row.arrival_ns)
        for row in rows
        if retired.get(row.source, -1) < row.arrival_ns
        and (not row.adopted or row.claimed_ns > adopted.adopted_ns - adopted.policy.rpo_ns)
    }


@prepared
def _newest_query(repository: str) -> Any:
    found: Any = sa.select(
        snapshot.c.source,
        sa.func.max(snapshot.c.arrival_ns).label("arrival_ns"),
        sa.func.max(snapshot.c.claimed_ns).label("claimed_ns"),
        sa.func.min(sa.case((stored.c.evidence == CLAIMED, 1), else_=0)).label("adopted"),
    )
    return found.select_from(snapshot.join(stored, _THERE)).where(_good(repository)).group_by(snapshot.c.source)


def last_good_arrival(connection: sa.Connection, adopted: Adopted) -> int | None:
    """When the newest good snapshot of any source arrived; None where none is there."""
    found: int | None = connection.execute(*_last_good_query(adopted.id)).scalar_one()
    return found


@prepared
def _last_good_query(repository: str) -> Any:
    found: Any = sa.select(sa.func.max(snapshot.c.arrival_ns))
    return found.select_from(snapshot.join(stored, _THERE)).where(_good(repository))


def _good(repository: str) -> Any:
    return sa.and_(snapshot.c.repository == repository, snapshot.c.verdict == GOOD, snapshot.c.operator != CONDEMNED)


def is_old(then_ns: int, most_ns: int, now_ns: int) -> bool:
    """Whether something is longer ago than may be; or so far ahead that nobody knows when it was."""
    return now_ns - then_ns > most_ns or then_ns - now_ns > AHEAD_NS
