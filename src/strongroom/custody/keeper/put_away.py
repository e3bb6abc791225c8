"""What a keeper put away and is still in the trash, by the record of its executor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.custody.schemas import executor as schema

if TYPE_CHECKING:
    from strongroom.custody.executor.records import Records


def put_away_before(records: Records, repository: str, until_ns: int) -> dict[str, int]:
    """What was put away before a moment, and was neither purged nor listed again since, with its size in bytes."""
    removal, stored = schema.removal, schema.stored
    with records.database.read() as connection:
        rows = connection.execute(
            sa.select(removal.c.name, removal.c.size, removal.c.done_ns).where(
                removal.c.repository == repository, removal.c.done_ns.is_not(None)
            )
        ).all()
        is_there = sa.and_(stored.c.repository == repository, stored.c.gone_ns.is_(None))
        there = set(connection.execute(sa.select(stored.c.name).where(is_there)).scalars())
    purged = {row.name.removeprefix("trash/") for row in rows if row.name.startswith("trash/")}
    other = purged | there | {row.name for row in rows if row.done_ns >= until_ns or "trash/" in row.name}
    return {row.name: row.size for row in rows if row.name not in other}
