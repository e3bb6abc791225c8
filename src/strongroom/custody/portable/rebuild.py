"""Reading a catalogue anew from the store; arrivals and verdicts stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.custody.catalogue import note_loss
from strongroom.custody.deletion.closed import forget_trees
from strongroom.custody.schemas.main import pack, stored

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State


def forget_catalogue(state: State, lease: Lease, adopted: Adopted, who: str) -> int:
    """Forget what packs were read to hold, and that anything was read; how many objects are to be read anew.

    What packs that are gone held stays known, so that losses are still named.
    """
    there = sa.and_(stored.c.repository == adopted.id, stored.c.gone_ns.is_(None))
    with state.writing(lease) as connection:
        packs = sa.select(stored.c.name).where(there, stored.c.kind == "data")
        connection.execute(pack.delete().where(pack.c.repository == adopted.id, pack.c.name.in_(packs)))
        forget_trees(connection, adopted.id)
        changed = connection.execute(stored.update().where(there).values(verified_ns=None, proven=0))
        note_loss(connection, adopted.id)
        state.record(connection, who, adopted.id, f"reads the catalogue anew: {changed.rowcount} objects")
    return int(changed.rowcount)
