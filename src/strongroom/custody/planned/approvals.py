"""When an operator approved a plan: what was due by then needs no second clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.custody.schemas.evidence import approval

if TYPE_CHECKING:
    from strongroom.custody.state import State


def note_approval(connection: sa.Connection, repository: str, plan: int, who: str, now_ns: int) -> None:
    """Write down that somebody approves a plan now."""
    connection.execute(approval.delete().where(approval.c.repository == repository, approval.c.plan == plan))
    connection.execute(approval.insert().values(repository=repository, plan=plan, at_ns=now_ns, who=who))


def was_approved(state: State, repository: str, plan: int, due_ns: int) -> bool:
    """Whether a person approved the plan when it was due already."""
    with state.database.read() as connection:
        at_ns = connection.execute(
            sa.select(approval.c.at_ns).where(approval.c.repository == repository, approval.c.plan == plan)
        ).scalar_one_or_none()
    return at_ns is not None and at_ns >= due_ns
