"""Deleting through a REST server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.objects import Kind
from strongroom.storage.removal.contract import Removal

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.rest.store import RestStore


class RestRemoval(Removal):
    """The right to delete, as far as the server grants it. rclone answers 404 where there is nothing to delete."""

    def __init__(self, store: RestStore) -> None:
        self._client = store.client

    def remove(self, name: ObjectName) -> None:
        """As the contract says."""
        path = "config" if name.kind is Kind.CONFIG else f"{name.kind.value}/{name.name}"
        answer = self._client.ask("DELETE", path)
        if answer.status not in {200, 204, 404}:
            raise self._client.fault(answer, path)
        answer.close()
