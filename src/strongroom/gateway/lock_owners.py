"""Who made which lock: what a delete of it, and the number of live ones, are judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Full
from strongroom.base.objects import Kind, ObjectName
from strongroom.gateway import schema

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.gateway.places.repository import ServedRepository


def claim_lock(database: Database, repository: ServedRepository, name: str, principal: str, limit: int) -> None:
    """Note who is about to make a lock that is not there; one at a time in a repository.

    Raises ``Full`` when he has as many live ones as he may.
    """
    table = schema.lock
    query = sa.select(table.c.name).where(table.c.repository == repository.id, table.c.principal == principal)
    with database.read() as connection:
        names = list(connection.execute(query).scalars())
    gone = []
    if len(names) >= limit:
        gone = [one for one in names if not repository.has(ObjectName(Kind.LOCK, one))]
        if len(names) - len(gone) >= limit:
            raise Full("too many live locks; `restic unlock` removes stale ones")
    text = (  # whoever is in the way made a lock of this name that is there no more
        "INSERT INTO lock_owner (repository, name, principal, created_ns)"
        " VALUES (:repository, :name, :principal, :now) ON CONFLICT (repository, name)"
        " DO UPDATE SET principal = excluded.principal, created_ns = excluded.created_ns"
    )
    with database.write() as connection:
        for one in gone:
            connection.execute(table.delete().where(table.c.repository == repository.id, table.c.name == one))
        row = {"repository": repository.id, "name": name, "principal": principal}
        connection.execute(sa.text(text), {**row, "now": database.now_ns(connection)})


def lock_owner(database: Database, repository: str, name: str) -> str | None:
    """The principal who made a lock; None when nobody is known to own it. ``repository`` is an ID."""
    table = schema.lock
    query = sa.select(table.c.principal).where(table.c.repository == repository, table.c.name == name)
    with database.read() as connection:
        found = connection.execute(query).scalar()
    return None if found is None else str(found)


def forget_lock(database: Database, repository: str, name: str) -> None:
    """The lock is gone. ``repository`` is an ID."""
    table = schema.lock
    with database.write() as connection:
        connection.execute(table.delete().where(table.c.repository == repository, table.c.name == name))
