"""Removing so that it can be brought back: into a trash, or behind a delete marker of a bucket that keeps versions.

Where neither is to be had nothing is removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

from strongroom.base.durable import NO_LINKS, make_folder, rename_new, sync_folder
from strongroom.base.errors import Damaged, Missing, Refused, Unsupported
from strongroom.storage.contract import StoreKind
from strongroom.storage.kinds import versions_of
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.store import LocalStore
from strongroom.storage.local.trash import TRASH, find_in_trash
from strongroom.storage.removal import removal_of
from strongroom.storage.removal.bucket_trash import BucketTrashRemoval
from strongroom.storage.removal.contract import SlowRemoval
from strongroom.storage.removal.trash import purge
from strongroom.storage.versions.contract import Versioning
from strongroom.storage.versions.tagging import REMOVED, tags_of
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Store


def slow_removal_of(store: Store, *, trash_behind: bool = False, expiry_days: int = 0) -> SlowRemoval:
    """How things go slowly in this store. ``trash_behind``: what is deleted through it goes to a server's own trash.

    ``expiry_days``: so long versions must stay.

    Raises ``Unsupported`` where a removal is final.
    """
    plain = store
    while isinstance(plain, Wrapper):
        plain = plain.inner
    if isinstance(plain, LocalStore):
        return TrashRemoval(plain)
    if plain.store_kind is StoreKind.S3:
        if versions_of(plain).protection().versioning is Versioning.OFF:
            return BucketTrashRemoval(store)
        tagged = any(rule.tag == REMOVED and rule.enabled for rule in versions_of(plain).protection().lifecycle or ())
        return TagRemoval(store, expiry_days) if tagged else MarkerRemoval(store, expiry_days)
    if plain.store_kind is StoreKind.CLOUD:
        return BucketTrashRemoval(store)
    if plain.store_kind is StoreKind.REST and trash_behind:
        return _ThroughServer(store)
    raise Unsupported(
        "what is deleted here is gone at once, and the custodian removes nothing that cannot be brought back",
        subject=store.location,
        hint="A folder, a bucket, or Strongroom's gateway with the role custodian will do.",
    )


class TrashRemoval(SlowRemoval):
    """Moves files to ``.strongroom/trash/DATE/``: linked there, hashed there, then taken from their place."""

    purges = True

    def __init__(self, store: LocalStore) -> None:
        self._store = store

    def check(self) -> None:
        """As the base says: a trash can be made wherever the folder is."""
        if not os.path.isdir(self._store.path):
            raise Refused("the folder of the repository is gone", subject=self._store.path)

    def put_away(self, name: ObjectName, date: str, *, unsound: bool = False) -> None:
        """As the base says. Killed anywhere, the object is in its place, or in the trash, or in both."""
        source = os.path.join(self._store.path, name.path)
        try:
            target = self._link(source, name, date)
            if target is None:
                return
            with open(target, "rb") as file:
                if not unsound and hashlib.file_digest(file, "sha256").hexdigest() != name.name:
                    raise Damaged("is not what its name promises, so it stays for a look", subject=str(name))
            with contextlib.suppress(FileNotFoundError):
                os.unlink(source)
            sync_folder(os.path.dirname(source))
        except OSError as error:
            raise store_error(error, source) from error

    def _link(self, source: str, name: ObjectName, date: str) -> str | None:
        """The file's second name in the trash, durable; None when there is nothing to put away."""
        try:
            status = os.lstat(source)
        except FileNotFoundError:
            return None
        folder = os.path.join(self._store.path, TRASH, date, name.kind.value)
        self._make(folder)
        generation = 0
        while True:
            target = os.path.join(folder, f"{name.name}.{generation}")
            try:
                os.link(source, target, follow_symlinks=False)
            except FileExistsError:
                if os.path.samestat(os.lstat(target), status):  # a run that was killed had linked it
                    break
                generation += 1
                continue
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                rename_new(source, target)
            break
        sync_folder(folder)
        return target

    def _make(self, folder: str) -> None:
        inside = os.path.relpath(folder, self._store.path).split(os.sep)
        for depth in range(1, len(inside) + 1):
            make_folder(os.path.join(self._store.path, *inside[:depth]), self._store.modes.folder)

    def purge(self, name: ObjectName, until: str) -> None:
        """As the base says."""
        for one in find_in_trash(self._store.path, name):
            if one.date <= until:
                purge(one.path)


class MarkerRemoval(SlowRemoval):
    """Sets a delete marker; versions end by the bucket's own lifecycle."""

    def __init__(self, store: Store, expiry_days: int = 0) -> None:
        from strongroom.storage.s3.store import S3Store  # noqa: PLC0415
        from strongroom.storage.versions.s3 import S3Versions  # noqa: PLC0415

        plain = store
        while isinstance(plain, Wrapper):
            plain = plain.inner
        assert isinstance(plain, S3Store)
        self._versions = S3Versions(plain)
        self._prefix = plain.address.prefix
        self._expiry_days = expiry_days
        self._removal = removal_of(store)
        self._location = store.location

    def check(self) -> None:
        """As the base says: without versions, or while they are suspended, a delete is final (threat S-4); under a rule
        that ends versions too early it soon is (threats S-3, S-6), and rules that may not be seen may be such."""
        protection = self._versions.protection()
        found = protection.versioning
        if found is not Versioning.ENABLED:
            raise Refused(
                f"the bucket's versioning is {found.value}, so a delete would be final",
                subject=self._location,
                hint="Turn it on; the executor's credentials need s3:GetBucketVersioning.",
            )
        if "lifecycle" in protection.refused:
            raise Refused(
                "the bucket does not let us see its rules, so a delete may be final",
                subject=self._location,
                hint="The executor's credentials need s3:GetLifecycleConfiguration.",
            )
        for rule in protection.lifecycle or ():
            words = rule.ends_versions(self._prefix, self._expiry_days)
            if words:
                raise Refused(
                    f"the bucket's rule `{rule.identity}` {words}",
                    subject=self._location,
                    hint=f"They must stay for {self._expiry_days} days, whatever their number.",
                )

    def put_away(self, name: ObjectName, date: str, *, unsound: bool = False) -> None:
        """As the base says."""
        del date, unsound
        self._removal.remove(name)


class TagRemoval(MarkerRemoval):
    """Sets a tag, by a key that may delete nothing: the bucket's own rule ends what has it, and keeps its versions."""

    def __init__(self, store: Store, expiry_days: int = 0) -> None:
        super().__init__(store, expiry_days)
        tags = tags_of(store)
        assert tags is not None
        self._tags = tags

    def check(self) -> None:
        """As the base says; the rule is to be there still."""
        super().check()
        rules = self._versions.protection().lifecycle or ()
        if not any(rule.tag == REMOVED and rule.covers(self._prefix) and rule.current_days > 0 for rule in rules):
            raise Refused(
                f"the bucket has no rule that ends objects tagged `{REMOVED}`",
                subject=self._location,
                hint="Without it nothing would ever go.",
            )

    def put_away(self, name: ObjectName, date: str, *, unsound: bool = False) -> None:
        """As the base says: what is tagged is on its way."""
        del date, unsound
        with contextlib.suppress(Missing):
            self._tags.set(name)


class _ThroughServer(SlowRemoval):
    """DELETE at our gateway, which moves a custodian's to its trash."""

    def __init__(self, store: Store) -> None:
        self._removal = removal_of(store)

    def check(self) -> None:
        """As the base says: that it is a gateway was asked before."""

    def put_away(self, name: ObjectName, date: str, *, unsound: bool = False) -> None:
        """As the base says."""
        del date, unsound
        self._removal.remove(name)
