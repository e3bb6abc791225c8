"""A round's step: good versions become the current ones; what no version gives back comes from the replica."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.custody.healing.replica import heal_from_replica
from strongroom.custody.healing.versions import hurt_objects, promote_good
from strongroom.storage.kinds import versions_of

if TYPE_CHECKING:
    from strongroom.custody.healing.versions import Promoted
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Store


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
