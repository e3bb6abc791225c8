"""What an undo of a plan may bring back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import UsageError
from strongroom.custody.planned.intents import removed_by
from strongroom.custody.planned.orders import INDEXES, PACKS, PURGE
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.schemas.main import plan

if TYPE_CHECKING:
    from strongroom.custody.state import State


def to_undo(state: State, repository: str, row: sa.Row[Any]) -> list[str]:
    """Names with their folders of what a plan removed. Raises ``UsageError`` where nothing of it may come back."""
    subject = f"plan {row.number}"
    if row.kind == PURGE:
        raise UsageError("what was purged is gone", subject=subject)
    names = removed_by(state, repository, row.number)
    if not names:
        raise UsageError(
            "has removed nothing that is not back already",
            subject=subject,
            hint="`custody plan cancel` ends one that is held.",
        )
    later = _packs_went_since(state, repository, row.number) if row.kind == INDEXES else 0
    if later:
        raise UsageError(
            f"its index files name packs that plan {later} has removed since: hosts would believe them, and not "
            "store again what was in those packs",
            subject=subject,
            hint=f"Undo plan {later}: its packs come back, and what the index says of them.",
        )
    return names


def _packs_went_since(state: State, repository: str, number: int) -> int:
    """The last plan behind this one by which packs went that are not back; 0 where there is none."""
    gone = schema.intent
    query = (
        sa.select(sa.func.max(plan.c.number))
        .join(gone, sa.and_(gone.c.repository == plan.c.repository, gone.c.plan == plan.c.number))
        .where(
            plan.c.repository == repository,
            plan.c.kind == PACKS,
            plan.c.number > number,
            gone.c.done_ns.is_not(None),
            gone.c.undone_ns.is_(None),
        )
    )
    with state.database.read() as connection:
        return connection.execute(query).scalar() or 0
