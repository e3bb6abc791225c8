"""The tables of a database's modules: made at once where there are none, else brought up by numbered steps.

A module declares its tables once, as metadata. Steps that were released are never edited; a database that they made and
one that was made from the metadata are the same, as a test says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex

from strongroom.base.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.database.engine import Database

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""The type of a key that the database counts up itself."""
_ONE_AT_A_TIME = 7239414
"""The number of PostgreSQL's lock that whoever migrates holds."""


def only_where(condition: str) -> dict[str, Any]:
    """For an index of some rows only.

    SQLAlchemy's own arguments for it load the dialect that they name, whichever is used: a fifth of the time in which a
    gateway starts.
    """
    return {"info": {"only_where": condition}}


@compiles(CreateIndex)
def _create_index(element: CreateIndex, compiler: Any, **options: Any) -> str:
    text: str = compiler.visit_create_index(element, **options)
    condition = element.element.info.get("only_where")
    return text if condition is None else f"{text} WHERE {condition}"


def migrate(database: Database, module: str, metadata: sa.MetaData, steps: Sequence[str]) -> None:
    """Make a module's tables, or bring them to the newest step.

    ``{blob}`` and ``{serial}`` in a step are the dialect's own; its statements are separated by semicolons. Raises
    ``Unsupported`` when the database is newer than we.
    """
    with database.write() as connection:
        done = _done(database, connection, module)
        if done > len(steps):
            raise Unsupported("the database was written by a newer version of this program", subject=module)
        if done == 0:
            metadata.create_all(connection, checkfirst=False)
        else:
            for step in steps[done:]:
                run_step(connection, step)
        applied = database.now_ns(connection)
        for number in range(done + 1, len(steps) + 1):
            text = "INSERT INTO migration (module, number, applied) VALUES (:module, :number, :applied)"
            connection.execute(sa.text(text), {"module": module, "number": number, "applied": applied})


def _done(database: Database, connection: sa.Connection, module: str) -> int:
    if not database.is_sqlite:
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))
    connection.execute(
        sa.text(
            "CREATE TABLE IF NOT EXISTS migration (module TEXT, number INTEGER, applied BIGINT,"
            " PRIMARY KEY (module, number))"
        )
    )
    query = sa.text("SELECT coalesce(max(number), 0) FROM migration WHERE module = :module")
    return int(connection.execute(query, {"module": module}).scalar_one())


def run_step(connection: sa.Connection, step: str) -> None:
    """Run one step's statements in the dialect of the connection."""
    words = {"blob": "BLOB", "serial": "INTEGER PRIMARY KEY AUTOINCREMENT"}
    if connection.dialect.name != "sqlite":
        words = {"blob": "BYTEA", "serial": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"}
    for statement in step.format(**words).split(";"):
        if statement.strip():
            connection.execute(sa.text(statement))
