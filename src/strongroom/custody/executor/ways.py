"""How things go in each kind of store, so that they can be brought back; the custodian's one importer of removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.storage.contract import StoreKind
from strongroom.storage.removal.slow import SlowRemoval, slow_removal_of
from strongroom.storage.wrappers.wrapper import Wrapper

__all__ = ["SlowRemoval", "way_of"]

if TYPE_CHECKING:
    from strongroom.storage.contract import Store

GATEWAY = "strongroom"
"""How our gateway's ``Server`` header begins."""


def way_of(store: Store) -> SlowRemoval:
    """How objects are put away here. Raises ``Unsupported`` where a removal would be final."""
    return slow_removal_of(store, trash_behind=_is_gateway(store))


def _is_gateway(store: Store) -> bool:
    plain = store
    while isinstance(plain, Wrapper):
        plain = plain.inner
    if plain.store_kind is not StoreKind.REST:
        return False
    from strongroom.storage.rest.store import RestStore  # noqa: PLC0415

    assert isinstance(plain, RestStore)
    plain.client.ask("HEAD", "config").close()
    return (plain.client.server or "").lower().startswith(GATEWAY)
