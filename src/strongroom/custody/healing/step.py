"""A round's step: good versions become the current ones; what no version gives back comes from the replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.base.objects import Kind
from strongroom.custody.healing.replica import heal_from_replica
from strongroom.custody.healing.versions import Promoted, hurt_objects, promote_good
from strongroom.custody.syncing import ask_for, note_return, stat_of
from strongroom.custody.verifying import verify_these
from strongroom.storage.kinds import versions_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from strongroom.base.objects import ObjectName
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store

_BATCH = 500


def heal(
    state: State,
    lease: Lease,
    adopted: Adopted,
    store: Store,
    replica: Store | None,
    done: Promoted,
    among: Collection[ObjectName] | None = None,
) -> None:
    """Heal what open incidents name, of that what is ``among`` these where they are given, and add to ``done`` what was
    healed. Raises errors of ``store``."""
    try:
        versions = versions_of(store)
    except Unsupported:  # a store without versions: that is nobody's fault
        left = [name for name in hurt_objects(state, adopted) if among is None or name in among]
    else:
        found = promote_good(state, lease, adopted, versions, among)
        done.healed += found.healed
        left = found.without
    if replica is not None and left:
        done.from_replica += heal_from_replica(state, lease, adopted, store, replica, left).healed
    done.without = left


def heal_read(
    state: State,
    lease: Lease,
    adopted: Adopted,
    repository: Repository,
    replica: Store | None,
    faults: Collection[ObjectName],
    done: Promoted,
) -> None:
    """Heal what this round read and found wrong, and read it again, so that nothing is judged by an overwritten object
    whose good version is there, and no person is asked to set it aside (threat S-2). Raises errors of the store."""
    if not faults:
        return
    found = Promoted()
    heal(state, lease, adopted, repository.store, replica, found, frozenset(faults))
    see_healed(state, lease, adopted, repository.store, found)
    verify_these(state, lease, repository, [*found.healed, *found.from_replica])
    done.healed += found.healed
    done.from_replica += found.from_replica


def see_healed(state: State, lease: Lease, adopted: Adopted, store: Store, done: Promoted) -> None:
    """Ask for what was healed, so that the same round reads it, and ends the incidents that call it missing or altered.
    Raises errors of ``store``."""
    names = [name for name in done.healed + done.from_replica if name.kind is not Kind.CONFIG]
    asked = ask_for(names, stat_of(store), store.connections)
    for start in range(0, len(asked.there), _BATCH):
        with state.writing(lease) as connection:
            for info in asked.there[start : start + _BATCH]:
                note_return(connection, adopted.id, info, state.clock.now_ns())
