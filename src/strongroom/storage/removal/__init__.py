"""Deleting objects: a contract apart from the store's, in modules whose importers a contract lists.

Only the verbs that remove, the custodian's executor, the purge of an expired trash and a gateway without
``--append-only`` may import from here.
"""

from __future__ import annotations

import importlib
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

_REST = ("strongroom.storage.removal.rest", "RestRemoval")
_BY_STORE = {
    "RestStore": _REST,
    "RcloneStore": _REST,
    "S3Store": ("strongroom.storage.removal.s3", "S3Removal"),
    "CloudStore": ("strongroom.storage.removal.cloud", "CloudRemoval"),
}


def removal_of(store: Store) -> Removal:
    """The right to delete what is in this store, with its retries. Raises ``Unsupported`` where we have none."""
    retrier = None
    while isinstance(store, Wrapper):
        retrier = getattr(store, "retrier", retrier)
        store = store.inner
    if isinstance(store, LocalStore):
        return LocalRemoval(store)
    module, name = _BY_STORE.get(type(store).__name__, ("", ""))
    if not module:
        raise Unsupported("this kind of store cannot delete", subject=store.location)
    removal: Removal = getattr(importlib.import_module(module), name)(store)
    return removal if retrier is None else _RetriedRemoval(removal, retrier)


class _RetriedRemoval(Removal):
    def __init__(self, inner: Removal, retrier: Retrier) -> None:
        self._inner = inner
        self._retrier = retrier

    def remove(self, name: ObjectName) -> None:
        self._retrier.call(lambda: self._inner.remove(name))
