"""How things go in each kind of store, so that they can be brought back; the custodian's one importer of removal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, Missing, StoreError
from strongroom.receipts.client.gateway_log import GatewayLog
from strongroom.storage.contract import StoreKind
from strongroom.storage.removal.contract import SlowRemoval
from strongroom.storage.removal.messages import NumberedFileRemoval
from strongroom.storage.removal.slow import slow_removal_of
from strongroom.storage.wrappers.wrapper import Wrapper

__all__ = ["NumberedFileRemoval", "SlowRemoval", "way_of"]

if TYPE_CHECKING:
    from strongroom.storage.contract import Store


def way_of(store: Store, expiry_days: int = 0) -> SlowRemoval:
    """How objects are put away here, where versions must stay for ``expiry_days``.

    Raises ``Unsupported`` where a removal would be final.
    """
    return slow_removal_of(store, trash_behind=_is_append_only_gateway(store), expiry_days=expiry_days)


def _is_append_only_gateway(store: Store) -> bool:
    """Whether our gateway stands there and says that it is append-only: then a custodian's DELETE goes to its trash."""
    plain = store
    while isinstance(plain, Wrapper):
        plain = plain.inner
    if plain.store_kind is not StoreKind.REST:
        return False
    from strongroom.storage.rest.store import RestStore  # noqa: PLC0415

    assert isinstance(plain, RestStore)
    log = GatewayLog(plain.client.address, plain.options)
    try:
        health = log.health()
    except (Damaged, LimitExceeded, Missing, StoreError):
        return False
    finally:
        log.close()
    return health.get("append_only") is True
