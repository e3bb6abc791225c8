"""Removing from a bucket that keeps no versions: copied to a trash, hashed there, then deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import Refused
from strongroom.storage.contract import StoreKind
from strongroom.storage.kinds import keyed_of, versions_of
from strongroom.storage.own.trash import TRASH, copy_into, find_keys
from strongroom.storage.removal import removal_of
from strongroom.storage.removal.bucket_key import delete_key
from strongroom.storage.removal.contract import SlowRemoval
from strongroom.storage.versions.contract import Versioning
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Store


class BucketTrashRemoval(SlowRemoval):
    """The right to delete from a bucket, restorably. What is purged can be nothing but a file of the trash."""

    purges = True

    def __init__(self, store: Store) -> None:
        self._store = innermost(store)
        self._keyed = keyed_of(store)
        self._removal = removal_of(store)
        self._location = store.location

    def check(self) -> None:
        """As the base says. A bucket that keeps versions by now is to be treated as one."""
        if self._store.store_kind is not StoreKind.S3:
            return
        found = versions_of(self._store).protection().versioning
        if found is not Versioning.OFF:
            raise Refused(
                f"the bucket's versioning was off and is {found.value} now",
                subject=self._location,
                hint="The next run looks anew.",
            )

    def put_away(self, name: ObjectName, date: str, *, unsound: bool = False) -> None:
        """As the base says. Killed anywhere, the object is in its place, or in the trash, or in both."""
        if copy_into(self._keyed, name, date, unsound=unsound):
            self._removal.remove(name)

    def purge(self, name: ObjectName, until: str) -> None:
        """As the base says."""
        for one in list(find_keys(self._keyed, name)):
            if one.date <= until:
                self._delete_key(one.key)

    def _delete_key(self, key: str) -> None:
        """DELETE a file of the trash; this can build nothing else."""
        if not key.startswith(f"{TRASH}/"):
            raise ValueError("nothing but the trash is purged")
        delete_key(self._store, key)
