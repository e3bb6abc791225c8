"""Wrong bytes that stand in the place of right ones: set aside by the executor, and replaced from the replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Refused, StoreError, Unsupported
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.healing.replica import heal_from_replica
from strongroom.custody.incidents import Code
from strongroom.custody.replica.rereading import hash_of
from strongroom.custody.schemas.main import incident, pinned_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Store

_KINDS = (Kind.DATA, Kind.INDEX, Kind.SNAPSHOT, Kind.KEY)
"""All but the config, which no name vouches for."""


def damaged_objects(state: State, adopted: Adopted) -> list[ObjectName]:
    """What an open incident calls damaged, but for the config, and for keys that are not pinned: those first that are,
    since stock restic stops at a key with wrong bytes."""
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(incident.c.object).where(
                incident.c.repository == adopted.id,
                incident.c.closed_ns.is_(None),
                incident.c.code == Code.DAMAGED.value,
            )
        ).scalars()
        parts = [text.split("/", 1) for text in rows]
        pinned = set(
            connection.execute(sa.select(pinned_key.c.name).where(pinned_key.c.repository == adopted.id)).scalars()
        )
    names = [ObjectName(Kind(one[0]), one[1]) for one in parts if one[0] in {kind.value for kind in _KINDS}]
    found = [name for name in names if name.kind is not Kind.KEY or name.name in pinned]
    return sorted(found, key=lambda name: name.kind is not Kind.KEY)


def replace_wrong(
    state: State,
    adopted: Adopted,
    store: Store,
    replica: Store,
    set_aside: Callable[[ObjectName], None],
    *,
    holder: str,
) -> list[ObjectName]:
    """Replace what is damaged and what the replica has; the names, which the next round reads.

    ``set_aside`` is the executor's; ``holder`` names this custodian. Raises ``Locked`` while another works on it.

    Nothing is set aside before the replica's bytes were read and are right. Killed between the two, the next round
    finds the object missing, and gives it back. Raises errors of ``store``.
    """
    names = damaged_objects(state, adopted)
    if not names:
        return []
    lease = state.claim(adopted.id, holder)
    try:
        return _replace(state, lease, adopted, store, replica, names, set_aside)
    finally:
        state.release(lease)


def _replace(
    state: State,
    lease: Lease,
    adopted: Adopted,
    store: Store,
    replica: Store,
    names: list[ObjectName],
    set_aside: Callable[[ObjectName], None],
) -> list[ObjectName]:
    done: list[ObjectName] = []
    for name in names:
        try:
            if hash_of(replica, name) != name.name:
                continue
        except (Damaged, StoreError):
            continue
        try:
            set_aside(name)
        except (Refused, Unsupported):  # it is right by now, or nobody can here
            continue
        done += heal_from_replica(state, lease, adopted, store, replica, [name]).healed
    return done
