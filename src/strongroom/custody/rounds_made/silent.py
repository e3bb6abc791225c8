"""Sources that send nothing good any more, though others of their repository do: one that is fresh hides none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.custody.arrival import CLAIMED
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.schemas.main import snapshot, stored
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def sources_due(adopted: Adopted, good: Iterable[Any], retired: Mapping[str, int | None]) -> dict[str, int]:
    """When the newest good snapshot of each source arrived, for those of which one is due. ``good``: rows of
    ``newest_rows``; ``retired``: since when an operator said of a source that nothing more comes.

    That is each which was not retired; and of those that sent nothing since adoption alone what was still sending then,
    by the claimed time of its newest: old history has many that ended long ago.
    """
    return {
        row.source: int(row.arrival_ns)
        for row in good
        if _since(retired, row.source) < row.arrival_ns
        and (not row.adopted or row.claimed_ns > adopted.adopted_ns - adopted.policy.rpo_ns)
    }


def _since(retired: Mapping[str, int | None], name: str) -> int:
    found = retired.get(name)
    return -1 if found is None else found


def newest_rows() -> Any:
    """Of each source of each repository that has good snapshots, when the newest of them arrived, and what it claims;
    ``adopted``: whether all were there at adoption."""
    found: Any = sa.select(
        snapshot.c.repository,
        snapshot.c.source,
        sa.func.max(snapshot.c.arrival_ns).label("arrival_ns"),
        sa.func.max(snapshot.c.claimed_ns).label("claimed_ns"),
        sa.func.min(sa.case((stored.c.evidence == CLAIMED, 1), else_=0)).label("adopted"),
    )
    is_good = sa.and_(snapshot.c.verdict == GOOD, snapshot.c.operator != CONDEMNED)
    found = found.select_from(snapshot.join(stored, _THERE)).where(is_good)
    return found.group_by(snapshot.c.repository, snapshot.c.source)


def is_old(then_ns: int, most_ns: int, now_ns: int) -> bool:
    """Whether something is longer ago than may be; or so far ahead that nobody knows when it was."""
    return now_ns - then_ns > most_ns or then_ns - now_ns > AHEAD_NS
