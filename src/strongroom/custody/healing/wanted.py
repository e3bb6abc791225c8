"""Which blobs are in no sound pack any more: what `strongroom heal` on the host is to give back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.objects import Kind
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident
from strongroom.custody.schema import incident, pack, stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.custody.state import Adopted, Lease, State

_DATA = f"{Kind.DATA.value}/"
_OF_PACKS = (Code.MISSING, Code.ALTERED, Code.DAMAGED)


def wanted_blobs(state: State, adopted: Adopted) -> list[tuple[str, str]]:
    """Type and ID of each blob that packs which are gone or damaged were read to hold, and no sound one holds."""
    hurt = {(entry[0], entry[1]) for entry in _blobs(state, adopted, sound=False)}
    if hurt:
        hurt -= set(_blobs(state, adopted, sound=True))
    return sorted(hurt)


def settle(state: State, lease: Lease, adopted: Adopted) -> list[str]:
    """Close the incidents of packs that are gone or damaged and whose every blob lies in sound packs; their names.

    The pack itself is still gone. What it held is not, and that is what was missed.
    """
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(pack.c.name, pack.c.blobs)
            .join(stored, sa.and_(stored.c.repository == pack.c.repository, stored.c.name == pack.c.name))
            .join(
                incident,
                sa.and_(incident.c.repository == pack.c.repository, incident.c.object == _DATA + pack.c.name),
            )
            .where(
                pack.c.repository == adopted.id,
                stored.c.kind == Kind.DATA.value,
                sa.or_(stored.c.gone_ns.is_not(None), stored.c.fault.is_not(None)),
                incident.c.closed_ns.is_(None),
                incident.c.code.in_([code.value for code in _OF_PACKS]),
            )
        ).all()
    if not rows:
        return []
    sound = set(_blobs(state, adopted, sound=True))
    made_good = sorted({str(row.name) for row in rows if _blobs_of(row.blobs) <= sound})
    for name in made_good:
        with state.writing(lease) as connection:
            for code in _OF_PACKS:
                close_incident(connection, adopted.id, code, _DATA + name, state.clock.now_ns())
    return made_good


def _blobs(state: State, adopted: Adopted, *, sound: bool) -> Iterator[tuple[str, str]]:
    bad = sa.or_(stored.c.gone_ns.is_not(None), stored.c.fault.is_not(None))
    query = (
        sa.select(pack.c.blobs)
        .join(stored, sa.and_(stored.c.repository == pack.c.repository, stored.c.name == pack.c.name))
        .where(pack.c.repository == adopted.id, stored.c.kind == Kind.DATA.value, sa.not_(bad) if sound else bad)
    )
    with state.database.read() as connection:
        for row in connection.execute(query):
            yield from _blobs_of(row.blobs)


def _blobs_of(rows: bytes) -> set[tuple[str, str]]:
    return {(blob.kind, blob.id) for blob in _kernel.decode_rows(bytes(rows))}
