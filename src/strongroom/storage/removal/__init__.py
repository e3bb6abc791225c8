"""Deleting objects: a contract apart from the store's, in modules whose importers a contract lists.

Only the verbs that remove, the custodian's executor, the purge of an expired trash and a gateway without
``--append-only`` may import from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.storage.contract import StoreKind
from strongroom.storage.local.store import LocalStore
from strongroom.storage.removal.contract import Removal
from strongroom.storage.removal.local import LocalRemoval
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Store
    from strongroom.storage.wrappers.retry import Retrier

__all__ = ["Removal", "removal_of"]


def removal_of(store: Store) -> Removal:
    """The right to delete what is in this store, with its retries."""
    retrier = None
    while isinstance(store, Wrapper):
        retrier = getattr(store, "retrier", retrier)
        store = store.inner
    removal = _removal_of(store)
    return removal if retrier is None else _RetriedRemoval(removal, retrier)


def _removal_of(store: Store) -> Removal:
    return REMOVALS[store.store_kind](store)


def _local(store: Store) -> Removal:
    assert isinstance(store, LocalStore)
    return LocalRemoval(store)


def _rest(store: Store) -> Removal:
    """The modules of stores that nobody has opened are not loaded, here and below."""
    from strongroom.storage.removal.rest import RestRemoval  # noqa: PLC0415
    from strongroom.storage.rest.store import RestStore  # noqa: PLC0415

    assert isinstance(store, RestStore)
    return RestRemoval(store)


def _s3(store: Store) -> Removal:
    from strongroom.storage.removal.s3 import S3Removal  # noqa: PLC0415
    from strongroom.storage.s3.store import S3Store  # noqa: PLC0415

    assert isinstance(store, S3Store)
    return S3Removal(store)


def _cloud(store: Store) -> Removal:
    from strongroom.storage.cloud.store import CloudStore  # noqa: PLC0415
    from strongroom.storage.removal.cloud import CloudRemoval  # noqa: PLC0415

    assert isinstance(store, CloudStore)
    return CloudRemoval(store)


REMOVALS: Mapping[StoreKind, Callable[[Store], Removal]] = {
    StoreKind.LOCAL: _local,
    StoreKind.REST: _rest,
    StoreKind.RCLONE: _rest,
    StoreKind.S3: _s3,
    StoreKind.CLOUD: _cloud,
}


class _RetriedRemoval(Removal):
    def __init__(self, inner: Removal, retrier: Retrier) -> None:
        self._inner = inner
        self._retrier = retrier

    def remove(self, name: ObjectName) -> None:
        self._retrier.call(lambda: self._inner.remove(name))

    def remove_unsettled(self, name: ObjectName) -> None:
        self._retrier.call(lambda: self._inner.remove_unsettled(name))

    def settle(self) -> None:
        self._inner.settle()
