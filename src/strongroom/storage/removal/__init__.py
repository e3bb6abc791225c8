"""Deleting objects: a contract apart from the store's, in modules whose importers a contract lists.

Only the verbs that remove, the custodian's executor, the purge of an expired trash and a gateway without
``--append-only`` may import from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.storage.local.store import LocalStore
from strongroom.storage.removal.contract import Removal
from strongroom.storage.removal.local import LocalRemoval
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Store
    from strongroom.storage.wrappers.retry import Retrier

__all__ = ["Removal", "removal_of"]


def removal_of(store: Store) -> Removal:
    """The right to delete what is in this store, with its retries. Raises ``Unsupported`` where we have none."""
    retrier = None
    while isinstance(store, Wrapper):
        retrier = getattr(store, "retrier", retrier)
        store = store.inner
    removal = _removal_of(store)
    return removal if retrier is None else _RetriedRemoval(removal, retrier)


def _removal_of(store: Store) -> Removal:
    """The modules of stores that nobody has opened are not loaded."""
    if isinstance(store, LocalStore):
        return LocalRemoval(store)
    match type(store).__name__:
        case "RestStore" | "RcloneStore":
            from strongroom.storage.removal.rest import RestRemoval  # noqa: PLC0415
            from strongroom.storage.rest.store import RestStore  # noqa: PLC0415

            assert isinstance(store, RestStore)
            return RestRemoval(store)
        case "S3Store":
            from strongroom.storage.removal.s3 import S3Removal  # noqa: PLC0415
            from strongroom.storage.s3.store import S3Store  # noqa: PLC0415

            assert isinstance(store, S3Store)
            return S3Removal(store)
        case "CloudStore":
            from strongroom.storage.cloud.store import CloudStore  # noqa: PLC0415
            from strongroom.storage.removal.cloud import CloudRemoval  # noqa: PLC0415

            assert isinstance(store, CloudStore)
            return CloudRemoval(store)
    raise Unsupported("this kind of store cannot delete", subject=store.location)


class _RetriedRemoval(Removal):
    def __init__(self, inner: Removal, retrier: Retrier) -> None:
        self._inner = inner
        self._retrier = retrier

    def remove(self, name: ObjectName) -> None:
        self._retrier.call(lambda: self._inner.remove(name))
