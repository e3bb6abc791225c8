"""Remove a key, or change a password: the only part of the repository that deletes more than locks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import StoreError, StrongroomError, UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.repository.keyring import add_key
from strongroom.repository.selection import complete_prefix
from strongroom.storage.removal import removal_of

if TYPE_CHECKING:
    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store
    from strongroom.storage.removal import Removal


def remove_key(repository: Repository, removal: Removal, key_id: str) -> str:
    """Remove a key by ID or unambiguous prefix, valid or junk, and return its ID.

    Raises ``UsageError`` for the key in use and for a prefix that fits none or several.
    """
    name = complete_prefix(key_id, (info.name.name for info in repository.store.list(Kind.KEY)), "key")
    if name == repository.key_id:
        raise UsageError(
            "this is the key that opened the repository",
            subject=f"key {name[:8]}",
            hint="Open it with another password.",
        )
    removal.remove(ObjectName(Kind.KEY, name))
    return name


def withdraw_key(store: Store, key_id: str) -> bool:
    """Remove a key that nobody else knows of; whether that was possible."""
    try:
        removal_of(store).remove(ObjectName(Kind.KEY, key_id))
    except StrongroomError:
        return False
    return True


def change_password(
    repository: Repository, removal: Removal, password: bytes, *, host: str | None = None, user: str | None = None
) -> str:
    """Add a key with the new password, then remove the one in use; returns the new ID, which is now in use."""
    old, new = repository.key_id, add_key(repository, password, hostname=host, username=user)
    repository.use_key(new)
    try:
        removal.remove(ObjectName(Kind.KEY, old))
    except StoreError as problem:
        raise StoreError(
            f"{problem.what}; so this key stays, and the old password opens the repository as well as the new one",
            subject=problem.subject,
            hint=f"{problem.hint} Then run `strongroom key remove {old[:8]}` with the new password.".strip(),
        ) from problem
    return new
