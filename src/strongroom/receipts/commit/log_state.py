"""Reading and moving the head of the log in the database: what every worker, the sequencer and the replay share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Missing
from strongroom.database import migrations
from strongroom.receipts.commit import schema
from strongroom.receipts.log import tiles
from strongroom.receipts.log.merkle import complete, root
from strongroom.receipts.log.tiles import HASH, WIDTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom.database.engine import Database
    from strongroom.receipts.log.merkle import Node


@dataclass(frozen=True, slots=True)
class LogState:
    """The newest log's row."""

    id: int
    origin: str
    assigned: int
    """Leaves that have an index."""
    published: int
    """Leaves under the newest signed checkpoint."""
    checkpoint: bytes | None
    cosigned: bytes | None
    """The newest checkpoint that a witness countersigned."""
    cosigned_ns: int
    stored: int
    """The size of the newest checkpoint in the tile store that this database knows of."""
    stored_ns: int
    alarm: str | None
    """Why nothing is signed, if so."""


def migrate(database: Database) -> None:
    """Make or update the log's tables."""
    migrations.migrate(database, "receipts", schema.METADATA, schema.STEPS)


def ensure_log(database: Database, origin: str) -> LogState:
    """The log of this origin, made empty when the database has none. Raises ``Damaged`` when it has another."""
    with database.write() as connection:
        found = read_state(connection)
        if found is None:
            connection.execute(
                schema.log.insert(),
                {
                    "id": 1,
                    "origin": origin,
                    "assigned": 0,
                    "published": 0,
                    "cosigned_ns": 0,
                    "stored": 0,
                    "stored_ns": 0,
                },
            )
            found = read_state(connection)
            assert found is not None
    if found.origin != origin:
        raise Damaged(f"the database holds the log {found.origin}", subject=origin, hint="a log's origin never changes")
    return found


def read_state(connection: sa.Connection, origin: str | None = None) -> LogState | None:
    """The newest log, or the one of this origin."""
    query = sa.select(schema.log).order_by(schema.log.c.id.desc()).limit(1)
    if origin is not None:
        query = query.where(schema.log.c.origin == origin)
    row = connection.execute(query).first()
    return None if row is None else LogState(*row)


def state(database: Database) -> LogState:
    """The newest log. Raises ``Missing`` before there is one."""
    with database.read() as connection:
        found = read_state(connection)
    if found is None:
        raise Missing("the database holds no log yet")
    return found


def change(connection: sa.Connection, log: int, expected: Mapping[str, object], **values: object) -> bool:
    """Compare and swap fields of a log's row; whether it was as expected."""
    table = schema.log
    query = table.update().where(table.c.id == log, *(table.c[key] == value for key, value in expected.items()))
    return connection.execute(query.values(**values)).rowcount == 1


def read_tile(connection: sa.Connection, log: int, level: int, number: int, width: int) -> bytes:
    """The first ``width`` hashes of a tile. Raises ``Missing``."""
    table = schema.tile
    query = sa.select(table.c.hashes).where(table.c.log == log, table.c.level == level, table.c.number == number)
    found = connection.execute(query).scalar_one_or_none()
    if found is None or len(found) < width * HASH:
        raise Missing("the log has no such tile", subject=tiles.path(level, number, width))
    return bytes(found[: width * HASH])


def node_of(connection: sa.Connection, log: int, size: int) -> Node:
    """The nodes of a log's tree of ``size`` leaves, out of the database's tiles."""
    return tiles.node_of(lambda level, number, width: read_tile(connection, log, level, number, width), size)


def root_at(connection: sa.Connection, log: int, size: int) -> bytes:
    """The root of the first ``size`` leaves, which all have an index."""
    return root(node_of(connection, log, size), size)


def entries(connection: sa.Connection, log: int, start: int, end: int) -> list[bytes]:
    """The leaves ``[start, end)``. Raises ``Missing`` when one of them is not there."""
    table = schema.leaf
    query = (
        sa.select(table.c.data)
        .where(table.c.log == log, table.c.position >= start, table.c.position < end)
        .order_by(table.c.position)
    )
    found = [bytes(data) for data in connection.execute(query).scalars()]
    if len(found) != end - start:
        raise Missing(f"the database lacks leaves of {start} to {end}")
    return found


def grow_tiles(connection: sa.Connection, log: int, start: int, hashes: Sequence[bytes]) -> None:
    """Add the hashes of the leaves from ``start`` on to the tiles of all levels.

    Whatever a level held beyond its part of ``start`` is forgotten: leaves that a replay takes back.
    """
    table = schema.tile
    level, begin, new = 0, start, list(hashes)
    while new or level == 0:
        number, inside = divmod(begin, WIDTH)
        row = read_tile(connection, log, level, number, inside) if inside else b""
        changed = []
        row += b"".join(new)
        complete_above = []
        for offset in range(0, len(row), WIDTH * HASH):
            part = row[offset : offset + WIDTH * HASH]
            changed.append({"log": log, "level": level, "number": number, "hashes": part})
            number += 1
            if len(part) == WIDTH * HASH:
                complete_above.append(complete(tiles.split(part)))
        first = changed[0]["number"] if changed else number
        connection.execute(table.delete().where(table.c.log == log, table.c.level == level, table.c.number >= first))
        if changed:
            connection.execute(table.insert(), changed)
        begin //= WIDTH
        new = complete_above
        level += 1
    connection.execute(
        table.delete().where(table.c.log == log, table.c.level >= level, table.c.number > begin // WIDTH)
    )
