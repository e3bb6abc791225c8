"""Which blobs are in no sound pack any more: what `strongroom heal` on the host is to give back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.custody.catalogue import hurt_packs, load_catalogue
from strongroom.custody.incidents import Code
from strongroom.custody.judging.verdicts import is_any_incomplete
from strongroom.custody.ledger import close_incident
from strongroom.custody.schemas.main import incident, pack, stored
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State

_DATA = f"{Kind.DATA.value}/"
_OF_PACKS = (Code.MISSING, Code.ALTERED, Code.DAMAGED)


def wanted_blobs(state: State, adopted: Adopted) -> list[tuple[str, str]]:
    """Type and ID of each blob that packs which are gone or damaged were read to hold, and no sound one holds."""
    sound = load_catalogue(state, adopted.id)
    return sorted(
        {
            (blob.kind, blob.id)
            for _, blobs in hurt_packs(state, adopted.id)
            for blob in blobs
            if not sound.contains(blob.kind, blob.id)
        }
    )


@prepared
def _missed_query(repository: str) -> sa.Select[tuple[str]]:
    return sa.select(incident.c.object).where(
        incident.c.repository == repository,
        incident.c.closed_ns.is_(None),
        incident.c.code.in_([code.value for code in _OF_PACKS]),
        incident.c.object.startswith(_DATA),
    )


def settle(state: State, lease: Lease, adopted: Adopted) -> list[str]:
    """Close the incidents of packs that are gone or damaged and whose every blob lies in sound packs; their names.

    The pack itself is still gone. What it held is not, and that is what was missed. Of one that was never sound nobody
    knows what it held: it is missed until each listed snapshot is whole, or condemned.
    """
    with state.database.read() as connection:
        missed = {row.object.removeprefix(_DATA) for row in connection.execute(*_missed_query(adopted.id))}
    if not missed:
        return []
    sound = load_catalogue(state, adopted.id)
    made_good = sorted(
        name
        for name, blobs in hurt_packs(state, adopted.id)
        if name in missed and all(sound.contains(blob.kind, blob.id) for blob in blobs)
    )
    made_good += _never_sound(state, adopted, missed)
    for name in made_good:
        with state.writing(lease) as connection:
            for code in _OF_PACKS:
                close_incident(connection, adopted.id, code, _DATA + name, state.clock.now_ns())
    return made_good


def _never_sound(state: State, adopted: Adopted, missed: set[str]) -> list[str]:
    """Those of these packs that went and were never sound, once no snapshot lacks anything."""
    with state.database.read() as connection:
        if is_any_incomplete(connection, adopted.id):
            return []
        known = set(connection.execute(sa.select(pack.c.name).where(pack.c.repository == adopted.id)).scalars())
        query = sa.select(stored.c.name).where(
            stored.c.repository == adopted.id,
            stored.c.kind == Kind.DATA.value,
            stored.c.gone_ns.is_not(None),
            stored.c.sound_ns.is_(None),
        )
        return sorted((missed & set(connection.execute(query).scalars())) - known)
