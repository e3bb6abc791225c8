"""What the newest drill of a repository found, for those who say a word about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.custody.schemas.main import drill

if TYPE_CHECKING:
    from collections.abc import Sequence


def newest_drill(connection: sa.Connection, repository: str) -> Sequence[sa.Row[Any]]:
    """A row for each snapshot that it restored, in their order; none where there was no drill."""
    here = drill.c.repository == repository
    last = sa.select(sa.func.max(drill.c.at_ns)).where(here).scalar_subquery()
    return connection.execute(sa.select(drill).where(here, drill.c.at_ns == last).order_by(drill.c.number)).all()


def sign_drill(connection: sa.Connection, rows: Sequence[sa.Row[Any]], who: str) -> None:
    """Note whose word stands for all of it."""
    here = sa.and_(drill.c.repository == rows[0].repository, drill.c.at_ns == rows[0].at_ns)
    connection.execute(drill.update().where(here).values(signed=who))
