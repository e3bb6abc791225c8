"""Healing from the replica: what no version gives back is copied from there, if its bytes are right."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, Exists, Missing, Refused, StoreError
from strongroom.base.objects import CONFIG, Kind
from strongroom.base.record import field, mutable
from strongroom.custody.schemas.main import stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.base.objects import ObjectName
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Store

_PIECE = 1 << 20


@mutable
class FromReplica:
    """What was given back, what could not be since other bytes stand in its place, and what is not in the replica."""

    healed: list[ObjectName] = field(default_factory=list)
    taken: list[ObjectName] = field(default_factory=list)
    without: list[ObjectName] = field(default_factory=list)


def heal_from_replica(
    state: State, lease: Lease, adopted: Adopted, store: Store, replica: Store, names: Iterable[ObjectName]
) -> FromReplica:
    """Create each of these objects anew from the replica. What was given back is read by the steps that follow.

    A replica that does not answer heals nothing. Raises errors of ``store``.
    """
    done = FromReplica()
    for name in names:
        try:
            _copy(adopted, replica, store, name)
        except Exists:
            done.taken.append(name)
            continue
        except (Damaged, Missing, _Unread):
            done.without.append(name)
            continue
        done.healed.append(name)
        if name.kind is not Kind.CONFIG:
            with state.writing(lease) as connection:
                connection.execute(
                    stored.update()
                    .where(
                        stored.c.repository == adopted.id,
                        stored.c.kind == name.kind.value,
                        stored.c.name == name.name,
                    )
                    .values(verified_ns=None)
                )
    return done


class _Unread(Exception):
    """The replica gave no bytes."""


def _copy(adopted: Adopted, replica: Store, store: Store, name: ObjectName) -> None:
    if name == CONFIG:
        store.create(name, adopted.config)
        return
    try:
        reader = replica.read(name)
    except (Refused, StoreError) as problem:
        raise _Unread from problem
    digest = hashlib.sha256()
    with reader, store.stage(name, reader.size) as upload:
        while piece := reader.read(_PIECE):
            digest.update(piece)
            upload.write(piece)
        if digest.hexdigest() != name.name:
            raise Damaged("is not what its name promises in the replica either", subject=str(name))
        upload.commit()
