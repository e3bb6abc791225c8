"""How far the records of a repository go by this state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.record import record
from strongroom.custody.schemas.continuity import standing as table
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from strongroom.custody.state import State


@record
class RecordStanding:
    """``number`` and ``head`` of the last record that was written. ``record`` and ``copy``: the next one's, prepared
    and not written yet. ``brought_back_ns``: when this state was last seen not to be the newest."""

    number: int
    head: str
    brought_back_ns: int | None
    record: bytes | None
    copy: bytes | None


def standing_of(state: State, repository: str) -> RecordStanding:
    """What the state knows."""
    with state.database.read() as connection:
        row = connection.execute(*_standing_query(repository)).one_or_none()
    if row is None:
        return RecordStanding(0, "", None, None, None)
    return RecordStanding(
        row.number,
        row.head,
        row.brought_back_ns,
        None if row.record is None else bytes(row.record),
        None if row.copy is None else bytes(row.copy),
    )


def keep_standing(state: State, connection: sa.Connection, repository: str, found: RecordStanding) -> None:
    """Let the state know this, in place of what it knew."""
    database = state.database
    database.change(connection, f"DELETE FROM {table.name} WHERE repository = ?", repository)
    insert = f"INSERT INTO {table.name} (repository, number, head, brought_back_ns, record, copy)"
    values = (found.number, found.head, found.brought_back_ns, found.record, found.copy)
    database.change(connection, f"{insert} VALUES (?, ?, ?, ?, ?, ?)", repository, *values)


@prepared
def _standing_query(repository: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.repository == repository)
