"""Folders that were copied whole, with the ID of the repository that they were copied from.

A copy shares its original's receipts, its panic and its frozen keys, which nobody means. It is noticed when the gateway
first meets it, named on standard error, counted at /health, and gets an ID of its own by ``gateway new-id``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.server_log import LOG
from strongroom.gateway import watch_schema

if TYPE_CHECKING:
    from strongroom.database.engine import Database


def note(database: Database, label: str, repository: str, original: str) -> None:
    """Say that the folder at ``label`` has the ID of the one at ``original``, once. Raises ``Unavailable``."""
    text = "INSERT INTO copied (path, repository) VALUES (:path, :repository) ON CONFLICT DO NOTHING"
    with database.write() as connection:
        new = connection.execute(sa.text(text), {"path": label, "repository": repository}).rowcount == 1
    if new:
        here, there = (one.encode("unicode_escape").decode() or "/" for one in (label, original))
        LOG.critical(
            f"{here} has the ID of {there} ({repository}): its folder was copied. Their receipts and panic are"
            f" shared until `strongroom gateway new-id {here}` gives it an ID of its own",
        )


def forget(database: Database, label: str) -> None:
    """It has an ID of its own, or is no copy any more. Raises ``Unavailable``."""
    table = watch_schema.copied
    with database.read() as connection:
        if connection.execute(sa.select(table.c.path).where(table.c.path == label)).first() is None:
            return
    with database.write() as connection:
        connection.execute(table.delete().where(table.c.path == label))


def count(database: Database) -> int:
    """How many copies are known. Raises ``Unavailable``."""
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(watch_schema.copied)).scalar_one())
