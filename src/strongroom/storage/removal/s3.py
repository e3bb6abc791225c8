"""Deleting from a bucket: where it keeps versions, a delete sets a marker and takes nothing away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.storage.removal.contract import Removal
from strongroom.storage.removal.http import delete

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.s3.store import S3Store


class S3Removal(Removal):
    """The right to delete, as far as the key pair has it."""

    def __init__(self, store: S3Store) -> None:
        self._store = store

    def remove(self, name: ObjectName) -> None:
        """As the contract says."""
        delete(self._store.client, self._store.key(name))
