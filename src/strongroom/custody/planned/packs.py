"""The packs as deleting sees them: those on their way out, those whose copies count, those put away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.custody.catalogue import SOUND, packs_read, rows_in_order
from strongroom.custody.planned.orders import FOLDERS
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.schemas.main import pack, stored
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from strongroom.custody.state import State


@record
class Condemned:
    """A pack on its way out; times in nanoseconds since 1970 UTC."""

    pack: str
    since_ns: int
    unindexed_ns: int | None


def condemned_packs(state: State, repository: str) -> dict[str, Condemned]:
    """All packs on their way out."""
    with state.database.read() as connection:
        rows = connection.execute(*_condemned_query(repository)).all()
    return {row.pack: Condemned(row.pack, row.since_ns, row.unindexed_ns) for row in rows}


@prepared
def _condemned_query(repository: str) -> sa.Select[Any]:
    return sa.select(schema.condemned).where(schema.condemned.c.repository == repository)


def packs_there(state: State, repository: str, *, without: Iterable[str] = ()) -> Iterator[tuple[str, bytes]]:
    """Name and rows of every pack that was read, is sound and is there: the copies that count, the oldest first.

    Packs whose blobs were written anew come last, so that the new copies count.
    """
    same = sa.and_(schema.use.c.repository == pack.c.repository, schema.use.c.pack == pack.c.name)
    query = (
        packs_read(repository)
        .outerjoin(schema.use, same)
        .where(SOUND)
        .order_by(sa.func.coalesce(schema.use.c.leaving, 0), stored.c.arrival_ns, pack.c.name)
    )
    with state.database.read() as connection:
        yield from rows_in_order(connection, repository, query, set(without))


def stored_objects(state: State, repository: str, kind: Kind) -> dict[str, sa.Row[Any]]:
    """What is there of a kind, by name."""
    with state.database.read() as connection:
        rows = connection.execute(*_stored_query(repository, kind.value)).all()
    return {row.name: row for row in rows}


@prepared
def _stored_query(repository: str, kind: str) -> sa.Select[Any]:
    return sa.select(stored).where(stored.c.repository == repository, stored.c.kind == kind, stored.c.gone_ns.is_(None))


def is_sound(row: sa.Row[Any] | None) -> bool:
    """Whether a row of ``stored_objects`` was read, and is what it should be."""
    return row is not None and row.verified_ns is not None and row.fault is None


def put_away_packs(state: State, repository: str) -> list[str]:
    """Packs that we removed and that can still be brought back."""
    with state.database.read() as connection:
        rows = connection.execute(*_put_away_query(repository)).all()
    return [row.name.removeprefix(FOLDERS["packs"]) for row in rows]


@prepared
def _put_away_query(repository: str) -> sa.Select[tuple[str]]:
    table = schema.intent
    return (
        sa.select(table.c.name)
        .join(
            stored,
            sa.and_(
                stored.c.repository == table.c.repository,
                stored.c.kind == Kind.DATA.value,
                sa.literal(FOLDERS["packs"]).concat(stored.c.name) == table.c.name,
            ),
        )
        .where(
            table.c.repository == repository,
            table.c.done_ns.is_not(None),
            table.c.undone_ns.is_(None),
            table.c.purged_ns.is_(None),
            stored.c.gone_ns.is_not(None),
        )
        .distinct()
    )
