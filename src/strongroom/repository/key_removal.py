"""Remove a key, or change a password: the only part of the repository that deletes more than locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.repository.opened import Repository
    from strongroom.storage.removal import Removal


def remove_key(repository: Repository, removal: Removal, key_id: str) -> None:
    """Remove a key by ID or unambiguous prefix. Raises ``UsageError`` for the key in use, ``Missing``."""
    raise NotImplementedError


def change_password(repository: Repository, removal: Removal, password: bytes) -> str:
    """Add a key with the new password, then remove the one in use; returns the new ID, which is now in use."""
    raise NotImplementedError
