"""A round's step: good versions become the current ones; what no version gives back comes from the replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.base.objects import Kind
from strongroom.custody.healing.replica import heal_from_replica
from strongroom.custody.healing.versions import hurt_objects, promote_good
from strongroom.custody.syncing import ask_for, note_return, stat_of
from strongroom.storage.kinds import versions_of

if TYPE_CHECKING:
    from strongroom.custody.healing.versions import Promoted
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Store

_BATCH = 500


def heal(state: State, lease: Lease, adopted: Adopted, store: Store, replica: Store | None, done: Promoted) -> None:
    """Heal what open incidents name, and add to ``done`` what was healed. Raises errors of ``store``."""
    try:
        versions = versions_of(store)
    except Unsupported:  # a store without versions: that is nobody's fault
        left = hurt_objects(state, adopted)
    else:
        found = promote_good(state, lease, adopted, versions)
        done.healed += found.healed
        left = found.without
    if replica is not None and left:
        done.from_replica += heal_from_replica(state, lease, adopted, store, replica, left).healed
    done.without = left


def see_healed(state: State, lease: Lease, adopted: Adopted, store: Store, done: Promoted) -> None:
    """Ask for what was healed, so that the same round reads it, and ends the incidents that call it missing or altered.
    Raises errors of ``store``."""
    names = [name for name in done.healed + done.from_replica if name.kind is not Kind.CONFIG]
    asked = ask_for(names, stat_of(store), store.connections)
    for start in range(0, len(asked.there), _BATCH):
        with state.writing(lease) as connection:
            for info in asked.there[start : start + _BATCH]:
                note_return(connection, adopted.id, info, state.clock.now_ns())
