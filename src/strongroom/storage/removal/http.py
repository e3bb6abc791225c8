"""Deleting over HTTP, whatever the path: for the classes beside it alone, which bound the names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.storage.http.client import HttpClient


def delete(client: HttpClient, path: str) -> None:
    """DELETE ``path``. Idempotent: rclone answers 404 where there is nothing to delete. Raises as the store says."""
    answer = client.ask("DELETE", path)
    if answer.status not in {200, 204, 404}:
        raise client.fault(answer, path)
    answer.close()
