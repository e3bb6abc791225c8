"""Old index files go at a quiet moment alone: under the judge's lock, and no other that it did not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Refused
from strongroom.base.objects import Kind

if TYPE_CHECKING:
    from strongroom.custody.planned.orders import Confirmation
    from strongroom.storage.contract import Store


def check_locks(store: Store, confirmation: Confirmation) -> None:
    """Raise ``Refused`` where a lock that the judge held as it confirmed is gone, or somebody has taken one since.

    By their names, since the executor reads no lock. Asked before each batch; a confirmation that was made without a
    lock of the judge's asks for nothing.
    """
    if not confirmation.held:
        return
    listed = {name for group in store.list_groups(Kind.LOCK) for name, _, _ in group}
    subject = f"plan {confirmation.number}"
    if set(confirmation.held) - listed:
        raise Refused("the judge's lock is gone, and clients may list indexes", subject=subject)
    if listed - set(confirmation.locks):
        raise Refused("a lock was taken since the judge looked", subject=subject)
