"""Deleting through a REST server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.objects import Kind
from strongroom.storage.removal.contract import Removal
from strongroom.storage.removal.http import delete

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.rest.store import RestStore


class RestRemoval(Removal):
    """The right to delete, as far as the server grants it."""

    def __init__(self, store: RestStore) -> None:
        self._client = store.client

    def remove(self, name: ObjectName) -> None:
        """As the contract says."""
        path = "config" if name.kind is Kind.CONFIG else f"{name.kind.value}/{name.name}"
        delete(self._client, path)
