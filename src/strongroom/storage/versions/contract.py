"""Older versions of objects, and what protects them: a right of its own, handed out where a store has it.

Where a store keeps versions, an overwrite or a delete by an intruder hides the good bytes and takes nothing away until
the store's own expiry does. The custodian lists versions, reads them, and promotes those that match their names.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.base.objects import Kind, ObjectName
    from strongroom.storage.contract import Reader


@record
class Version:
    """One version of an object. A ``marker`` says that the object was deleted at that time; it has no bytes."""

    name: ObjectName
    version_id: str
    size: int
    modified_ns: int | None
    latest: bool
    marker: bool


@record
class OwnVersion:
    """One version of a file of ours, by its path in the repository."""

    path: str
    version_id: str
    size: int
    latest: bool
    marker: bool


class Versioning(enum.Enum):
    """Whether a bucket keeps what is overwritten and deleted."""

    ENABLED = "enabled"
    SUSPENDED = "suspended"
    OFF = "off"
    UNKNOWN = "unknown"


@record
class ObjectLock:
    """Object lock. Without ``mode`` it is possible but no default protects new objects."""

    mode: str
    days: int


@record
class LifecycleRule:
    """A rule of the bucket that deletes by itself. Days and counts are 0 where the rule does not have them."""

    identity: str
    enabled: bool
    prefix: str
    current_days: int
    """Current objects go after so many days (or at a date, which counts as 1)."""
    noncurrent_days: int
    keep_newer: int
    """So many newer noncurrent versions stay (S-6: a rule that counts lets an intruder push out good versions)."""

    tag: str = ""
    """Objects with this tag alone, as ``key=value``."""
    all_versions_days: int = 0
    """After so many days what was deleted, or every object, goes with all its versions (MinIO has such rules)."""
    whole: str = ""
    """All that the rule says, as the store tells it."""

    def covers(self, prefix: str) -> bool:
        """Whether the rule can touch keys below this prefix."""
        return self.enabled and (prefix.startswith(self.prefix) or self.prefix.startswith(prefix))

    def ends_versions(self, prefix: str, days: int) -> str:
        """How the rule ends versions below this prefix sooner than after so many days, in words; else empty."""
        if not self.covers(prefix):
            return ""
        if 0 < self.all_versions_days < days:
            return f"ends all versions after {self.all_versions_days} days"
        if (self.noncurrent_days > 0 or self.keep_newer > 0) and self.noncurrent_days < days:
            kept = f"{self.noncurrent_days} days" if self.noncurrent_days else f"{self.keep_newer} newer ones"
            return f"ends versions after {kept}"
        return ""

    def ends_current(self, prefix: str) -> str:
        """How the rule ends what is in use below this prefix, in words; else empty. Locks are nothing to keep, and tags
        are given by who may."""
        if not self.current_days or self.tag or not self.covers(prefix) or self.prefix.startswith(f"{prefix}locks/"):
            return ""
        return f"ends what is in use after {self.current_days} days"


@record
class Protection:
    """What a bucket promises. A part that the credentials may not see is None (``UNKNOWN`` for versioning)."""

    versioning: Versioning
    lock: ObjectLock | None
    lock_known: bool
    lifecycle: tuple[LifecycleRule, ...] | None
    policy: str | None
    """The bucket's policy as the store gives it; empty where there is none."""
    encryption: str | None = None
    """How the store encrypts by default: algorithm and key of each rule; empty where it is not set."""
    replication: str | None = None
    """Where the store copies to by itself: status and target of each rule; empty where it does not."""
    refused: tuple[str, ...] = ()
    """Settings that these credentials may not see; not those that the store does not have."""


class Versions(ABC):
    """The right to see and use versions of one repository's objects, whose keys begin with ``prefix``. Safe to use from
    many threads."""

    prefix = ""

    @abstractmethod
    def list(self, kind: Kind, after: str | None = None) -> Iterator[Version]:
        """All versions and markers of a kind, by name ascending, the newest of each name first. Constant memory."""

    @abstractmethod
    def read(self, version: Version, offset: int = 0, length: int | None = None) -> Reader:
        """A range of a version, as ``Store.read``. Raises ``Missing``."""

    @abstractmethod
    def promote(self, version: Version) -> None:
        """Make a copy of this version the newest one, within the store. Nothing is deleted."""

    def own(self, folder: str, after: str = "") -> Iterator[OwnVersion]:
        """All versions and markers of the files of ours in a folder whose names come ``after``, by name ascending, the
        newest of each name first. None where the store has none."""
        del folder, after
        return iter(())

    def read_own(self, version: OwnVersion) -> bytes:
        """A small file of ours as it was in a version. Raises ``Missing``, and ``Damaged`` for one that is shorter."""
        raise errors.Missing("this store keeps no versions of files of ours", subject=version.path)

    def encryption_of(self, version: Version) -> tuple[str, str]:
        """How the store keeps a version: the algorithm, ``customer`` for a key that a client named, and the key's name.

        Both are empty where the store does not say. Raises the store's errors.
        """
        del version
        return "", ""

    @abstractmethod
    def protection(self) -> Protection:
        """What protects the bucket now. Raises ``Unavailable``; what may not be seen is unknown, never absent."""
