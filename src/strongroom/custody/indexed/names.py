"""What indexes that are listed and true name, and which sound packs none of them does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.custody.catalogue import SOUND, note_loss
from strongroom.custody.incidents import Code
from strongroom.custody.schemas import indexed as schema
from strongroom.custody.schemas.deletion import condemned
from strongroom.custody.schemas.main import incident, pack, stored
from strongroom.database.prepared import plain, prepared

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from strongroom.custody.state import Lease, State

_ID = 32
"""Bytes of a pack's name."""


def note_names(connection: sa.Connection, repository: str, index: str, packs: Iterable[str]) -> None:
    """Write down which packs an index names truly and in full."""
    _forget(connection, repository, [index])
    joined = b"".join(bytes.fromhex(name) for name in sorted(set(packs)))
    connection.execute(schema.named.insert().values(repository=repository, name=index, packs=joined))


def forget_names(connection: sa.Connection, repository: str, index: str) -> None:
    """An index is not believed any more; if it was, nothing counts as whole until it was looked at again."""
    if _forget(connection, repository, [index]):
        note_loss(connection, repository)


def forget_unlisted(state: State, lease: Lease) -> None:
    """After a look at all indexes: those of ours that were written since the last one, and are not there."""
    with state.database.read() as connection:
        gone = connection.execute(*_unlisted_query(lease.repository)).scalars().all()
    if gone:
        with state.writing(lease) as connection:
            _forget(connection, lease.repository, gone)
            note_loss(connection, lease.repository)


@prepared
def _unlisted_query(repository: str) -> sa.Select[tuple[str]]:
    table = schema.named
    known = sa.select(stored.c.name).where(stored.c.repository == repository, stored.c.kind == Kind.INDEX.value)
    return sa.select(table.c.name).where(table.c.repository == repository, table.c.name.not_in(known))


def doubt_indexes_naming(connection: sa.Connection, repository: str, packs: Collection[str]) -> None:
    """Have each index that names one of these packs compared anew: what was true of it once is so no longer."""
    wanted = set(packs)
    naming = [name for name, names in true_indexes(connection, repository).items() if names & wanted]
    here = sa.and_(stored.c.repository == repository, stored.c.kind == Kind.INDEX.value, stored.c.name.in_(naming))
    connection.execute(stored.update().where(here).values(proven=0))


def _forget(connection: sa.Connection, repository: str, names: Collection[str]) -> int:
    table = schema.named
    here = sa.and_(table.c.repository == repository, table.c.name.in_(names))
    return connection.execute(table.delete().where(here)).rowcount


def true_indexes(connection: sa.Connection, repository: str, *, without: Collection[str] = ()) -> dict[str, set[str]]:
    """Listed indexes that were read and compared, and of which no lie is known, with the packs that they name truly.

    One that we wrote and read back counts before the next look lists it. ``without``: but these.
    """
    table = schema.named
    lying = sa.select(incident.c.object).where(
        incident.c.repository == repository,
        incident.c.closed_ns.is_(None),
        incident.c.code == Code.LYING_INDEX.value,
    )
    joined = table.outerjoin(
        stored,
        sa.and_(
            stored.c.repository == table.c.repository,
            stored.c.kind == Kind.INDEX.value,
            stored.c.name == table.c.name,
        ),
    )
    query = (
        sa.select(table.c.name, table.c.packs)
        .select_from(joined)
        .where(
            table.c.repository == repository,
            sa.or_(stored.c.name.is_(None), SOUND),
            sa.literal(f"{Kind.INDEX.value}/").concat(table.c.name).not_in(lying),
        )
    )
    left_out = set(without)
    return {
        row.name: {row.packs[start : start + _ID].hex() for start in range(0, len(row.packs), _ID)}
        for row in connection.execute(query)
        if row.name not in left_out
    }


def named_by(connection: sa.Connection, repository: str, index: str) -> set[str] | None:
    """The packs that one index named truly, whether it is there or not; None where it was never compared."""
    table = schema.named
    query = sa.select(table.c.packs).where(table.c.repository == repository, table.c.name == index)
    packs = connection.execute(query).scalar_one_or_none()
    return None if packs is None else {packs[start : start + _ID].hex() for start in range(0, len(packs), _ID)}


def unnamed_packs(state: State, repository: str, *, without: Collection[str] = ()) -> set[str]:
    """Sound packs that are to stay and that no true index names; ``without``: but for these indexes."""
    same = sa.and_(stored.c.repository == pack.c.repository, stored.c.name == pack.c.name)
    sound = (
        sa.select(pack.c.name)
        .join(stored, same)
        .where(pack.c.repository == repository, stored.c.kind == Kind.DATA.value, SOUND)
    )
    leaving = sa.select(condemned.c.pack).where(condemned.c.repository == repository)
    with state.database.read() as connection:
        found = {row[0] for row in plain(connection, sound)}
        found -= set(connection.execute(leaving).scalars())
        for packs in true_indexes(connection, repository, without=without).values():
            found -= packs
    return found
