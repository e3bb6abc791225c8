"""Deleting from Google Cloud Storage and Azure."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import obstore

from strongroom.base.errors import Missing
from strongroom.storage.removal.contract import Removal

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.cloud.store import CloudStore


class CloudRemoval(Removal):
    """The right to delete, as far as the credentials have it."""

    def __init__(self, store: CloudStore) -> None:
        self._store = store

    def remove(self, name: ObjectName) -> None:
        """As the contract says."""
        key = self._store.key(name)
        with contextlib.suppress(Missing), self._store.faults(key):
            obstore.delete(self._store.bucket, key)
