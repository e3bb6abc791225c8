"""What the database knows of repositories in a bucket, beyond what lies there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import CONFIG_NAME, Kind
from strongroom.gateway import schema
from strongroom.receipts import schema as log_schema

if TYPE_CHECKING:
    from strongroom.receipts.database import Database


def has_config(database: Database, repository: str) -> bool:
    """Whether the log's last word on a repository's config is that it is there."""
    table = log_schema.leaf
    query = (
        sa.select(table.c.present)
        .where(table.c.repository == repository, table.c.kind == Kind.CONFIG.value, table.c.name == CONFIG_NAME)
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


def last_known(database: Database, label: str) -> str | None:
    """The ID of the repository that was last made at a path, if the log says that it still has a config.

    So a prefix that somebody emptied is not mistaken for a place where a new repository may begin (S-1).
    """
    table = schema.repository
    query = sa.select(table.c.id).where(table.c.path == label).order_by(table.c.created_ns.desc()).limit(1)
    with database.read() as connection:
        found = connection.execute(query).scalar()
    return str(found) if found is not None and has_config(database, str(found)) else None
