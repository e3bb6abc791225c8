"""A repository's keys are frozen from its first snapshot on; a window admits one that is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.gateway import schema
from strongroom.receipts.commit import schema as log_schema

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.gateway.places.repository import ServedRepository

LONGEST_WINDOW_NS = 86_400 * 10**9


def is_frozen(database: Database, repository: ServedRepository) -> bool:
    """Whether a snapshot has ever arrived in the repository, or it was adopted: keys are admitted no more."""
    if repository.state().frozen:
        return True
    table = log_schema.leaf
    query = (
        sa.select(table.c.id).where(table.c.repository == repository.id, table.c.kind == Kind.SNAPSHOT.value).limit(1)
    )
    with database.read() as connection:
        found = connection.execute(query).first() is not None
    if found:
        repository.mark(frozen=1)  # for ever: the next one need not look through the log
    return found or repository.state(fresh=True).frozen


def key_admitted(database: Database, repository: str, name: str) -> bool:
    """Whether an open window of the repository with this ID admits this key."""
    table = schema.key_window
    query = sa.select(table.c.until_ns).where(table.c.repository == repository, table.c.name == name)
    with database.read() as connection:
        until = connection.execute(query).scalar()
        left = 0 if until is None else int(until) - database.now_ns(connection)
        return 0 < left <= LONGEST_WINDOW_NS  # more was written by a clock that was ahead
