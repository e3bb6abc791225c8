"""Whether a name is taken over HTTP, and giving up a lock: what the stores of every protocol do alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.storage.http.client import head
from strongroom.storage.stopping import Purpose

if TYPE_CHECKING:
    from strongroom.storage.http.client import HttpClient


def is_taken(client: HttpClient, path: str, *, refuses: bool) -> bool:
    """Whether a name is there, asked before an upload: only of a store that replaces where another ``refuses``."""
    if refuses:
        return False
    try:
        head(client, path, Purpose.STORE)
    except errors.Missing:
        return False
    return True


def release_lock(client: HttpClient, path: str) -> None:
    """Delete a lock of our own; one that is gone already is released. Raises as the store says."""
    answer = client.ask("DELETE", path, purpose=Purpose.RELEASE)
    if answer.status not in {200, 204, 404}:
        raise client.fault(answer, path)
    answer.close()
