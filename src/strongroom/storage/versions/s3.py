"""Versions in an S3 bucket, and the settings that protect them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.base.objects import Kind
from strongroom.storage.http.client import ListBody, open_range
from strongroom.storage.s3 import xml as s3_xml
from strongroom.storage.s3.client import NotSet
from strongroom.storage.s3.sign import encode, query_string
from strongroom.storage.versions.contract import (
    LifecycleRule,
    ObjectLock,
    OwnVersion,
    Protection,
    Version,
    Versioning,
    Versions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Reader
    from strongroom.storage.s3.store import S3Store


_PIECE = 1 << 16
_DEFAULT = "ApplyServerSideEncryptionByDefault"
_ENCRYPTION = ((_DEFAULT, "SSEAlgorithm"), (_DEFAULT, "KMSMasterKeyID"), ("BucketKeyEnabled",))
_REPLICATION = (("Status",), ("Destination", "Bucket"), ("DeleteMarkerReplication", "Status"))


class S3Versions(Versions):
    """The versions of what lies below one prefix."""

    page = 1000
    """How many to ask for at once; providers give no more."""

    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._client = store.client
        self.prefix = store.address.prefix

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Version]:
        """As the contract says, a page of a thousand at a time."""
        prefix = self._store.address.prefix + ("config" if kind is Kind.CONFIG else f"{kind.value}/")
        query = {"versions": "", "prefix": prefix, "max-keys": str(self.page)}
        if after is not None and kind is not Kind.CONFIG:
            query["key-marker"] = prefix + (f"{after[:2]}/" if kind is Kind.DATA else "") + after
        for entry in self._entries(query):
            name = self._store.name_of(kind, entry.text("Key"))
            if name is not None and (after is None or name.name > after):
                yield _version(name, entry)

    def _entries(self, query: dict[str, str]) -> Iterator[s3_xml.Element]:
        while True:
            page = self._client.document(f"?{query_string(query)}")
            yield from page.children("Version", "DeleteMarker")
            if page.text("IsTruncated") != "true" or not page.text("NextKeyMarker"):
                return
            query["key-marker"] = page.text("NextKeyMarker")
            query["version-id-marker"] = page.text("NextVersionIdMarker")
            if not query["version-id-marker"]:
                del query["version-id-marker"]

    def read(self, version: Version, offset: int = 0, length: int | None = None) -> Reader:
        """As the contract says."""
        return open_range(self._client, self._path(version), offset, length)

    def promote(self, version: Version) -> None:
        """As the contract says: a copy within the store, which may report its failure inside a 200."""
        if version.marker:
            raise ValueError("a marker has no bytes to promote")
        key = self._store.key(version.name)
        source = f"/{self._store.address.bucket}/{encode(key)}?versionId={encode(version.version_id, slash=False)}"
        headers = {"x-amz-copy-source": source, "x-amz-checksum-algorithm": "SHA256", "Content-Length": "0"}
        headers["x-amz-metadata-directive"] = "REPLACE"  # a copy onto itself must change something
        headers["x-amz-tagging-directive"] = "REPLACE"  # it stays, whatever its version was tagged as
        headers["Content-Type"] = "application/octet-stream"
        answer = self._client.ask("PUT", key, headers)
        if answer.status != 200:
            raise self._client.fault(answer, key)
        document = s3_xml.parse(answer.text().encode(), self._client.subject(key))
        if document.name != "CopyObjectResult":
            raise errors.Unavailable(f"the copy failed: {document.text('Code')}", subject=self._client.subject(key))

    def own(self, folder: str, after: str = "") -> Iterator[OwnVersion]:
        """As the contract says."""
        prefix = f"{self.prefix}{folder}/"
        query = {"versions": "", "prefix": prefix, "max-keys": str(self.page), "key-marker": prefix + after}
        for entry in self._entries(query):
            marker = entry.name == "DeleteMarker"
            yield OwnVersion(
                path=entry.text("Key").removeprefix(self.prefix),
                version_id=entry.text("VersionId") or "null",
                size=0 if marker else int(entry.text("Size") or 0),
                latest=entry.text("IsLatest") == "true",
                marker=marker,
            )

    def read_own(self, version: OwnVersion) -> bytes:
        """As the contract says."""
        path = f"{self.prefix}{version.path}?{query_string({'versionId': version.version_id})}"
        with open_range(self._client, path, 0, version.size) as reader:  # and no more, whatever comes
            parts = []
            while piece := reader.read(_PIECE):
                parts.append(piece)
            return b"".join(parts)

    def encryption_of(self, version: Version) -> tuple[str, str]:
        """As the contract says. Of what a client's key keeps a store tells nothing without that key, but says so."""
        answer = self._client.ask("HEAD", self._path(version))
        answer.close()
        if answer.status == 400 or answer.header("x-amz-server-side-encryption-customer-algorithm"):
            return "customer", ""
        return (
            answer.header("x-amz-server-side-encryption"),
            answer.header("x-amz-server-side-encryption-aws-kms-key-id"),
        )

    def _path(self, version: Version) -> str:
        return f"{self._store.key(version.name)}?{query_string({'versionId': version.version_id})}"

    def protection(self) -> Protection:
        """As the contract says."""
        refused: set[str] = set()
        versioning = self._setting("versioning")
        lock = self._setting("object-lock")
        lifecycle = self._setting("lifecycle", refused)
        return Protection(
            versioning=_versioning(versioning),
            lock=None if lock is None or isinstance(lock, str) else _lock(lock),
            lock_known=lock is not None,
            lifecycle=None if lifecycle is None else () if isinstance(lifecycle, str) else tuple(_rules(lifecycle)),
            policy=self._policy(),
            encryption=_spelled(self._setting("encryption"), _ENCRYPTION),
            replication=_spelled(self._setting("replication"), _REPLICATION),
            refused=tuple(sorted(refused)),
        )

    def _setting(self, name: str, refused: set[str] | None = None) -> s3_xml.Element | str | None:
        """A setting of the bucket: its document, "" where it is not set, None where it may not be seen, or where the
        store has no such thing; only the first is noted as ``refused``."""
        try:
            return self._client.document(f"?{name}=")
        except NotSet:
            return ""
        except (errors.Missing, errors.Refused, errors.Unsupported) as problem:
            if refused is not None and isinstance(problem, errors.Refused):
                refused.add(name)
            return None

    def _policy(self) -> str | None:
        answer = self._client.ask("GET", "?policy=")
        if answer.status == 200:
            try:
                return ListBody(answer, self._store.location).read(1 << 20).decode("utf-8", "replace")
            finally:
                answer.close()
        fault = self._client.fault(answer, "?policy=")
        if isinstance(fault, NotSet):
            return ""
        if isinstance(fault, errors.Missing | errors.Refused | errors.Unsupported):
            return None
        raise fault


def digest(protection: Protection) -> str:
    """A hash over everything that a bucket promises, to notice a change by."""
    return hashlib.sha256(repr(protection).encode()).hexdigest()


def _version(name: ObjectName, entry: s3_xml.Element) -> Version:
    marker = entry.name == "DeleteMarker"
    return Version(
        name=name,
        version_id=entry.text("VersionId") or "null",
        size=0 if marker else int(entry.text("Size") or 0),
        modified_ns=s3_xml.stamp_ns(entry.text("LastModified")),
        latest=entry.text("IsLatest") == "true",
        marker=marker,
    )


def _versioning(found: s3_xml.Element | str | None) -> Versioning:
    if found is None:
        return Versioning.UNKNOWN
    status = "" if isinstance(found, str) else found.text("Status")
    return {"Enabled": Versioning.ENABLED, "Suspended": Versioning.SUSPENDED}.get(status, Versioning.OFF)


def _lock(found: s3_xml.Element) -> ObjectLock | None:
    if found.text("ObjectLockEnabled") != "Enabled":
        return None
    rule = ("Rule", "DefaultRetention")
    days = _number(found.text(*rule, "Days")) + 365 * _number(found.text(*rule, "Years"))
    return ObjectLock(found.text(*rule, "Mode"), days)


def _rules(found: s3_xml.Element) -> Iterator[LifecycleRule]:
    for rule in found.children("Rule"):
        expiration, noncurrent = ("Expiration",), ("NoncurrentVersionExpiration",)
        days = _number(rule.text(*expiration, "Days"))
        yield LifecycleRule(
            identity=rule.text("ID"),
            enabled=rule.text("Status") == "Enabled",
            prefix=rule.text("Filter", "Prefix") or rule.text("Filter", "And", "Prefix") or rule.text("Prefix"),
            current_days=days or (1 if rule.text(*expiration, "Date") else 0),
            noncurrent_days=_number(rule.text(*noncurrent, "NoncurrentDays")),
            keep_newer=_number(rule.text(*noncurrent, "NewerNoncurrentVersions")),
            tag=_tag(rule, "Filter") or _tag(rule, "Filter", "And"),
            all_versions_days=_all_versions(rule, days),
            whole="; ".join(rule.leaves()),
        )


def _all_versions(rule: s3_xml.Element, current_days: int) -> int:
    """MinIO's own: all versions of what a marker hides, and all of what expires."""
    hidden = _number(rule.text("DelMarkerExpiration", "Days"))
    expired = max(current_days, 1) if rule.text("Expiration", "ExpiredObjectAllVersions") == "true" else 0
    return min(filter(None, (hidden, expired)), default=0)


def _tag(rule: s3_xml.Element, *path: str) -> str:
    key = rule.text(*path, "Tag", "Key")
    return f"{key}={rule.text(*path, 'Tag', 'Value')}" if key else ""


def _spelled(found: s3_xml.Element | str | None, paths: tuple[tuple[str, ...], ...]) -> str | None:
    """The parts of each rule of a setting that matter, as text."""
    if found is None or isinstance(found, str):
        return found
    rules = (", ".join(rule.text(*path) or "-" for path in paths) for rule in found.children("Rule"))
    return "; ".join(sorted(rules)) or "set, without a rule"


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
