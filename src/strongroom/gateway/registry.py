"""What the database knows of repositories, whatever became of what lies in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import CONFIG
from strongroom.gateway import schema
from strongroom.receipts.commit import schema as log_schema
from strongroom.receipts.log.leaf import LeafType, parse

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.database.engine import Database


PRINCIPALS = "principals"
"""The name of the number that changes whenever principals, tokens or their rights are changed."""


@dataclass(frozen=True, slots=True)
class RegisteredState:
    """What the database says of a repository."""

    frozen: bool
    adopting: bool
    panic: bool


_LOOK = (
    "SELECT (SELECT number FROM generation WHERE name = ?), (SELECT frozen FROM repository WHERE id = ?),"
    " (SELECT adopting FROM repository WHERE id = ?), (SELECT panic FROM repository WHERE id = ?)"
)


def look(database: Database, repository: str) -> tuple[int, RegisteredState]:
    """What may end an upload's right, as it is now, in one question: the principals' number, a repository's state."""
    row = database.row(_LOOK, PRINCIPALS, repository, repository, repository)
    assert row is not None
    return int(row[0] or 0), RegisteredState(bool(row[1]), bool(row[2]), bool(row[3]))


def is_logged(database: Database, repository: str, name: ObjectName) -> bool:
    """Whether the log's last word on an object is that it is there."""
    table = log_schema.leaf
    query = (
        sa.select(table.c.present)
        .where(table.c.repository == repository, table.c.kind == name.kind.value, table.c.name == name.name)
        .order_by(table.c.id.desc())
        .limit(1)
    )
    with database.read() as connection:
        return bool(connection.execute(query).scalar())


def label_of(database: Database, repository: str) -> str | None:
    """The path at which a repository was made."""
    table = schema.repository
    with database.read() as connection:
        return connection.execute(sa.select(table.c.path).where(table.c.id == repository)).scalar()


def made_at(database: Database, label: str) -> list[str]:
    """The IDs of the repositories that were made at a path, the newest first."""
    table = schema.repository
    query = sa.select(table.c.id).where(table.c.path == label).order_by(table.c.created_ns.desc())
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def paths(database: Database) -> list[str]:
    """All paths at which a repository was made. Raises ``Unavailable``."""
    with database.read() as connection:
        return list(connection.execute(sa.select(schema.repository.c.path).distinct()).scalars())


def last_known(database: Database, label: str) -> str | None:
    """The ID of the repository that was last made at a path, if the log says that it still has a config.

    So a prefix that somebody emptied is not mistaken for a place where a new repository may begin (S-1).
    """
    found = made_at(database, label)[:1]
    return found[0] if found and is_logged(database, found[0], CONFIG) else None


def panicked(database: Database, repository: str) -> bool:
    """Whether the log's last word on panic is that it was declared: the database's own may be lost with an old copy."""
    table = log_schema.leaf
    query = (
        sa.select(table.c.data).where(table.c.repository == repository, table.c.kind == "").order_by(table.c.id.desc())
    )
    with database.read() as connection:
        for data in connection.execute(query).scalars():
            receipt = parse(bytes(data))
            if receipt.type is LeafType.PANIC:
                return receipt.detail.startswith("on")
    return False


def forget_creator(database: Database, repository: str) -> None:
    """A repository is nowhere any more: it counts for nobody."""
    table = schema.repository
    with database.write() as connection:
        connection.execute(table.update().where(table.c.id == repository).values(creator=""))
