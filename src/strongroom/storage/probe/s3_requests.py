"""The requests of a probe of a bucket, made by hand: the store itself would hide half of the answers."""

from __future__ import annotations

import email.utils
import hashlib
import secrets
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.storage.removal.probe import PLACE, ProbeRemoval
from strongroom.storage.report import Report, left_at
from strongroom.storage.s3 import xml as s3_xml
from strongroom.storage.s3.sign import query_string

if TYPE_CHECKING:
    from strongroom.storage.http.client import ClientAnswer, Headers
    from strongroom.storage.s3.store import S3Store


class S3Requests:
    """Requests below a folder of the probe's own, and what they found. ``root`` is the folder's key."""

    def __init__(self, store: S3Store) -> None:
        self.store = store
        self.client = store.client
        self.clock = store.options.clock
        run = secrets.token_hex(8)
        self.root = f"{store.address.prefix}{PLACE}{run}/"
        self._removal = ProbeRemoval(store.client, store.address.prefix, run)
        self.report = Report(store.location)

    def put(self, key: str, body: bytes, headers: Headers | None = None) -> tuple[int, str]:
        """PUT; the status, and the error code where there is one."""
        digest = hashlib.sha256(body).hexdigest()
        base = {"Content-Length": str(len(body)), "x-amz-content-sha256": digest}
        return self.finish(self.client.ask("PUT", self.root + key, base | (headers or {}), body))

    def delete(self, key: str, version: str | None = None) -> tuple[int, str]:
        """DELETE of an object or of one version; the status, and the error code where there is one."""
        return self.finish(self._removal.delete(key, version))

    def finish(self, answer: ClientAnswer) -> tuple[int, str]:
        """The status, and the error code where there is one."""
        if 200 <= answer.status < 300:
            answer.close()
            return answer.status, ""
        status = answer.status
        fault = self.client.fault(answer, self.root)
        return status, fault.what

    def get(self, key: str, headers: Headers | None = None) -> tuple[int, bytes]:
        """GET; the status and the body."""
        answer = self.client.ask("GET", self.root + key, headers)
        try:
            return answer.status, answer.read(1 << 20)
        finally:
            answer.close()

    def keys(self) -> list[tuple[str, float]]:
        """Names and stamps (seconds since 1970) of the probe's objects."""
        page = self.client.document(f"?{query_string({'list-type': '2', 'prefix': self.root})}")
        return [
            (entry.text("Key").removeprefix(self.root), (s3_xml.stamp_ns(entry.text("LastModified")) or 0) / 1e9)
            for entry in page.children("Contents")
        ]

    def versions(self, key: str = "") -> list[tuple[str, bool]]:
        """Version IDs below a key, newest first, and whether each is a marker; empty where versions are unknown."""
        return [(version, marker) for _, version, marker in self.all_versions(key)]

    def all_versions(self, key: str = "") -> list[tuple[str, str, bool]]:
        """Key, version ID and whether it is a marker, below a key."""
        try:
            page = self.client.document(f"?{query_string({'versions': '', 'prefix': self.root + key})}")
        except errors.Interrupted:
            raise
        except errors.StrongroomError:
            return []
        return [
            (
                entry.text("Key").removeprefix(self.root),
                entry.text("VersionId") or "null",
                entry.name == "DeleteMarker",
            )
            for entry in page.children("Version", "DeleteMarker")
        ]

    def tidy(self) -> None:
        """Remove the probe's own objects, with their versions where that is allowed."""
        try:
            for key, _ in self.keys():
                self.delete(key)
            for key, version, _ in self.all_versions():
                self.delete(key, version)
            left = {key for key, _ in self.keys()} | {key for key, _, _ in self.all_versions()}
            self.report.left_behind = [self.root + key for key in sorted(left)]
        except errors.Interrupted:
            raise left_at(f"{self.store.location}: {self.root}") from None
        except errors.StrongroomError:
            self.report.left_behind = [self.root]


def date_of(answer: ClientAnswer) -> float | None:
    """The Date header, in seconds since 1970."""
    try:
        return email.utils.parsedate_to_datetime(answer.header("Date")).timestamp()
    except ValueError:
        return None
