"""Healing at an operator's word, in place of waiting for the next round: look, bring back what is right, read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record
from strongroom.custody.adopting import open_adopted
from strongroom.custody.healing.step import heal, see_healed
from strongroom.custody.healing.versions import Promoted
from strongroom.custody.healing.wanted import settle
from strongroom.custody.rounds import last_look
from strongroom.custody.syncing import look
from strongroom.custody.verifying import verify_these

if TYPE_CHECKING:
    from strongroom.custody.identity import Identity
    from strongroom.custody.state import Adopted, State
    from strongroom.repository.surroundings import Surroundings
    from strongroom.storage.contract import Store


@record
class HealedNow:
    """What came back from older versions and from the replica, what nothing there brings back, and what is not right
    even so, each with why. ``made_good``: packs whose blobs all lie in others."""

    healed: tuple[ObjectName, ...]
    from_replica: tuple[ObjectName, ...]
    without: tuple[ObjectName, ...]
    made_good: tuple[str, ...]
    faults: tuple[tuple[ObjectName, str], ...]


def heal_now(
    state: State,
    adopted: Adopted,
    store: Store,
    replica: Store | None,
    identity: Identity,
    surroundings: Surroundings,
    *,
    holder: str,
) -> HealedNow:
    """Do what a round does of this, and nothing else: nothing is judged, planned or let go.

    Raises ``Locked`` while a round is at work, ``WrongIdentity``, ``Damaged`` where the config is not the pinned one
    and no version of it is, and the store's errors.
    """
    lease = state.claim(adopted.id, holder)
    try:
        seen = look(state, lease, adopted, store, last_look(state, adopted, 1 << 60))
        done = Promoted()
        heal(state, lease, adopted, store, replica, done)
        see_healed(state, lease, adopted, store, done)
        repository = open_adopted(adopted, store, identity, surroundings)
        back = [name for name in [*done.healed, *done.from_replica] if name.kind is not Kind.CONFIG]
        read = verify_these(state, lease, repository, back)
        made_good = settle(state, lease, adopted)
    finally:
        state.release(lease)
    lost = dict.fromkeys(name for name in [*done.without, *seen.missing] if name not in back)
    good = {ObjectName(Kind.DATA, pack) for pack in made_good}
    without = tuple(name for name in lost if name not in good)
    return HealedNow(tuple(done.healed), tuple(done.from_replica), without, tuple(made_good), tuple(read.faults))
