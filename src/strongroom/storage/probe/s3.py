"""What an S3 provider really does: the questions of ``storage probe`` that need more than the contract.

Requests are made by hand, since the store itself would hide half of the answers.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import hashlib
import secrets
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.storage.probe.race import RACERS, race
from strongroom.storage.removal.probe import PLACE, ProbeRemoval
from strongroom.storage.report import Report, Worth
from strongroom.storage.s3 import xml as s3_xml
from strongroom.storage.s3.sign import query_string
from strongroom.storage.versions.contract import Protection, Versioning
from strongroom.storage.versions.s3 import S3Versions

if TYPE_CHECKING:
    from strongroom.storage.http.client import ClientAnswer, Headers
    from strongroom.storage.s3.store import S3Store

_ROUNDS = 5
_DAYS = 90
"""The expiry window of design promise 1."""


def probe_s3(store: S3Store) -> Report:
    """Ask a bucket everything. Raises what the first PUT raises: without it nothing can be asked."""
    prober = _Prober(store)
    try:
        prober.create_and_read()
        prober.conditions()
        prober.checksums()
        prober.overwrite_and_delete()
        prober.settings()
        prober.multipart()
        prober.clock()
    finally:
        prober.tidy()
    return prober.report


class _Prober:
    def __init__(self, store: S3Store) -> None:
        self._store = store
        self._client = store.client
        self._clock = store.options.clock
        run = secrets.token_hex(8)
        self._root = f"{store.address.prefix}{PLACE}{run}/"
        self._removal = ProbeRemoval(store.client, store.address.prefix, run)
        self.report = Report(store.location)
        self._keeps_versions = False

    # Requests

    def _put(self, key: str, body: bytes, headers: Headers | None = None) -> tuple[int, str]:
        """PUT; the status, and the error code where there is one."""
        digest = hashlib.sha256(body).hexdigest()
        base = {"Content-Length": str(len(body)), "x-amz-content-sha256": digest}
        return self._finish(self._client.ask("PUT", self._root + key, base | (headers or {}), body))

    def _delete(self, key: str, version: str | None = None) -> tuple[int, str]:
        return self._finish(self._removal.delete(key, version))

    def _finish(self, answer: ClientAnswer) -> tuple[int, str]:
        if 200 <= answer.status < 300:
            answer.close()
            return answer.status, ""
        status = answer.status
        fault = self._client.fault(answer, self._root)
        return status, fault.what

    def _get(self, key: str, headers: Headers | None = None) -> tuple[int, bytes]:
        answer = self._client.ask("GET", self._root + key, headers)
        try:
            return answer.status, answer.read(1 << 20)
        finally:
            answer.close()

    # Questions

    def create_and_read(self) -> None:
        """The least: an object goes in, is listed at once, comes out, whole and in part."""
        status, what = self._put("first", b"0123456789")
        if status != 200:
            raise errors.Refused(f"the probe may not write: {what}", subject=self._store.location)
        whole = self._get("first") == (200, b"0123456789")
        part = self._get("first", {"Range": "bytes=3-5"}) == (206, b"345")
        self.report.add(
            "read",
            "Reading back, whole and a range",
            "right" if whole and part else "WRONG" if not whole else "whole alone; ranges are WRONG",
            Worth.GOOD if whole and part else Worth.BAD,
        )
        listed = "first" in [key for key, _ in self._keys()]
        self.report.add(
            "list",
            "A new object in lists",
            "at once" if listed else "not at once",
            Worth.GOOD if listed else Worth.BAD,
            "" if listed else "Lists that lag make good objects look lost.",
        )

    def conditions(self) -> None:
        """``If-None-Match: *``, one after the other and at once (G-7)."""
        first, _ = self._put("taken", b"first", {"If-None-Match": "*"})
        second, _ = self._put("taken", b"second", {"If-None-Match": "*"})
        kept = self._get("taken")[1] == b"first"
        refused = first == 200 and second in {412, 304, 409} and kept
        self.report.add(
            "create-if-absent",
            "Creating a taken name",
            f"{second}, {'the first bytes stay' if kept else 'THE FIRST BYTES ARE REPLACED'}",
            Worth.GOOD if refused else Worth.BAD,
            ""
            if refused
            else "The provider ignores If-None-Match. Write conditional=no in the URL; one gateway must "
            "then stand before the bucket.",
        )
        most = 0
        least = RACERS
        for number in range(_ROUNDS):
            winners = race(lambda body, number=number: self._create(f"race{number}", body))  # type: ignore[misc]
            most, least = max(most, winners), min(least, winners)
        good = most == least == 1
        self.report.add(
            "race",
            f"{RACERS} creators of one name at once, {_ROUNDS} times",
            "one winner each time" if good else f"{least} to {most} winners",
            Worth.GOOD if good else Worth.BAD if most > 1 else Worth.WEAK,
            "" if good else "The condition is looked at before the write and not with it.",
        )

    def _create(self, key: str, body: bytes) -> None:
        status, what = self._put(key, body, {"If-None-Match": "*"})
        if status != 200:
            raise errors.Exists(what)

    def checksums(self) -> None:
        """Whether the store checks what arrives, and keeps the sum."""
        wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
        checksum, _ = self._put("sum1", b"these", {"x-amz-checksum-sha256": wrong})
        payload, _ = self._put("sum2", b"these", {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()})
        good = checksum >= 400, payload >= 400
        says = {
            (True, True): "refused, by checksum and by signature",
            (True, False): "refused by checksum alone",
            (False, True): "refused by signature alone",
            (False, False): "ACCEPTED",
        }[good]
        self.report.add(
            "checksum",
            "Bytes that do not match their SHA-256",
            says,
            Worth.GOOD if any(good) else Worth.BAD,
            "" if any(good) else "Damage on the way is noticed only when the object is read again.",
        )
        right = base64.b64encode(hashlib.sha256(b"kept").digest()).decode()
        self._put("sum3", b"kept", {"x-amz-checksum-sha256": right})
        answer = self._client.ask("HEAD", self._root + "sum3", {"x-amz-checksum-mode": "ENABLED"})
        kept = answer.header("x-amz-checksum-sha256") == right
        answer.close()
        told, worth = ("told", Worth.GOOD) if kept else ("not told", Worth.NOTE)
        self.report.add("checksum-kept", "The SHA-256 of a stored object", told, worth)

    def overwrite_and_delete(self) -> None:
        """What these credentials can destroy, and what is left of it (S-1, S-2)."""
        self._put("changed", b"good")
        overwritten, _ = self._put("changed", b"garbage")
        deleted, _ = self._delete("changed")
        versions = self._versions("changed")
        good = None
        for version, marker in versions:
            if not marker and self._get(f"changed?{query_string({'versionId': version})}") == (200, b"good"):
                good = version
        self._keeps_versions = good is not None
        can = [word for word, status in (("overwrite", overwritten), ("delete", deleted)) if 200 <= status < 300]
        held = "the good bytes remain as a version" if good is not None else "THE GOOD BYTES ARE GONE"
        self.report.add(
            "destroy",
            "These credentials may",
            f"{' and '.join(can)}; {held}" if can else "neither overwrite nor delete",
            Worth.GOOD if not can else Worth.NOTE if good is not None else Worth.BAD,
            "" if not can or good is not None else "Whoever holds them can destroy every object for good.",
        )
        if good is None:
            return
        erased, _ = self._delete("changed", good)
        gone = self._get(f"changed?{query_string({'versionId': good})}")[0] != 200
        self.report.add(
            "erase-version",
            "Erasing a version for good",
            "possible with these credentials" if 200 <= erased < 300 and gone else f"refused ({erased})",
            Worth.WEAK if gone else Worth.GOOD,
            "Hosts and the gateway need credentials that cannot (no s3:DeleteObjectVersion), or object lock."
            if gone
            else "",
        )

    def settings(self) -> None:
        """Versions, object lock and lifecycle as the bucket is set (S-3, S-4, S-6)."""
        found = S3Versions(self._store).protection()
        worth = {Versioning.ENABLED: Worth.GOOD, Versioning.UNKNOWN: Worth.UNKNOWN}.get(found.versioning, Worth.WEAK)
        lies = found.versioning is Versioning.ENABLED and not self._keeps_versions
        self.report.add(
            "versioning",
            "The bucket keeps versions",
            f"{found.versioning.value}, but the probe's were not kept" if lies else found.versioning.value,
            Worth.BAD if lies else worth,
            "" if worth is Worth.GOOD else "Without versions an overwrite or a delete is final.",
        )
        self._lock(found)
        self._lifecycle(found)

    def _lock(self, found: Protection) -> None:
        if not found.lock_known:
            answer, worth = "may not be seen", Worth.UNKNOWN
        elif found.lock is None:
            answer, worth = "off", Worth.NOTE
        elif not found.lock.mode:
            answer, worth = "possible, no default for new objects", Worth.NOTE
        else:
            answer = f"{found.lock.mode.lower()}, {found.lock.days} days"
            worth = Worth.GOOD if found.lock.days >= _DAYS else Worth.WEAK
        meaning = f"Shorter than the {_DAYS} days that the promises count on." if worth is Worth.WEAK else ""
        self.report.add("object-lock", "Object lock", answer, worth, meaning)

    def _lifecycle(self, found: Protection) -> None:
        if found.lifecycle is None:
            self.report.add("lifecycle", "Rules that delete by themselves", "may not be seen", Worth.UNKNOWN)
            return
        worst, said = Worth.GOOD, []
        for rule in found.lifecycle:
            if not rule.covers(self._store.address.prefix):
                continue
            if rule.current_days:
                worst = Worth.BAD
                said.append(f"{rule.identity or 'a rule'} deletes current objects after {rule.current_days} days")
            if rule.keep_newer and not rule.noncurrent_days >= _DAYS:
                worst = Worth.BAD
                said.append(f"{rule.identity or 'a rule'} keeps only {rule.keep_newer} older versions")
            elif 0 < rule.noncurrent_days < _DAYS:
                worst = Worth.WEAK if worst is Worth.GOOD else worst
                said.append(f"{rule.identity or 'a rule'} erases older versions after {rule.noncurrent_days} days")
        meaning = f"Older versions must live at least {_DAYS} days." if said else ""
        self.report.add(
            "lifecycle", "Rules that delete by themselves", "; ".join(said) or "none that hurts", worst, meaning
        )

    def multipart(self) -> None:
        """Which date an object gets that was sent in parts: that of its beginning or of its end."""
        key = self._root + "parts"
        answer = self._client.ask("POST", f"{key}?uploads=", {"Content-Length": "0"})
        if answer.status != 200:
            self._finish(answer)
            self.report.add("multipart-date", "The date of an object sent in parts", "no such uploads", Worth.NOTE)
            return
        began = _date(answer)
        upload = s3_xml.parse(answer.text().encode(), key).text("UploadId")
        self._clock.sleep(3)
        query = query_string({"partNumber": "1", "uploadId": upload})
        body = bytes(1000)
        head = {"Content-Length": str(len(body)), "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        part = self._client.ask("PUT", f"{key}?{query}", head, body)
        etag = part.header("ETag")
        part.close()
        document = (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
        ).encode()
        head = {"Content-Length": str(len(document)), "x-amz-content-sha256": hashlib.sha256(document).hexdigest()}
        done = self._client.ask("POST", f"{key}?{query_string({'uploadId': upload})}", head, document)
        done.text()
        stamp = dict(self._keys()).get("parts")
        if stamp is None or began is None:
            self.report.add("multipart-date", "The date of an object sent in parts", "cannot be told", Worth.UNKNOWN)
            return
        early = stamp - began < 2
        self.report.add(
            "multipart-date",
            "The date of an object sent in parts",
            "that of its beginning" if early else "that of its end",
            Worth.NOTE,
            "An object can look older than it is; ours are never sent in parts." if early else "",
        )

    def clock(self) -> None:
        """The store's clock against ours."""
        answer = self._client.ask("HEAD", self._root + "first")
        ours, theirs = self._clock.now_ns() / 1e9, _date(answer)
        answer.close()
        if theirs is None:
            self.report.add("clock", "The store's clock", "not told", Worth.UNKNOWN)
            return
        skew = theirs + 0.5 - ours
        off = abs(skew)
        self.report.add(
            "clock",
            "The store's clock against this machine's",
            "the same within 2 s" if off < 2 else f"{off:.0f} s {'ahead' if skew > 0 else 'behind'}",
            Worth.GOOD if off < 30 else Worth.WEAK if off < 300 else Worth.BAD,
            "" if off < 30 else "Nothing is deleted while clocks disagree by more than five minutes.",
        )

    # Leaving

    def _keys(self) -> list[tuple[str, float]]:
        """Names and stamps (seconds since 1970) of the probe's objects."""
        page = self._client.document(f"?{query_string({'list-type': '2', 'prefix': self._root})}")
        return [
            (entry.text("Key").removeprefix(self._root), (s3_xml.stamp_ns(entry.text("LastModified")) or 0) / 1e9)
            for entry in page.children("Contents")
        ]

    def _versions(self, key: str = "") -> list[tuple[str, bool]]:
        """Version IDs below a key, newest first, and whether each is a marker; empty where versions are unknown."""
        return [(version, marker) for _, version, marker in self._all_versions(key)]

    def _all_versions(self, key: str = "") -> list[tuple[str, str, bool]]:
        try:
            page = self._client.document(f"?{query_string({'versions': '', 'prefix': self._root + key})}")
        except errors.StrongroomError:
            return []
        return [
            (
                entry.text("Key").removeprefix(self._root),
                entry.text("VersionId") or "null",
                entry.name == "DeleteMarker",
            )
            for entry in page.children("Version", "DeleteMarker")
        ]

    def tidy(self) -> None:
        """Remove the probe's own objects, with their versions where that is allowed."""
        with contextlib.suppress(errors.StrongroomError):
            for key, _ in self._keys():
                self._delete(key)
            for key, version, _ in self._all_versions():
                self._delete(key, version)
            left = {key for key, _ in self._keys()} | {key for key, _, _ in self._all_versions()}
            self.report.left_behind = [self._root + key for key in sorted(left)]


def _date(answer: ClientAnswer) -> float | None:
    """The Date header, in seconds since 1970."""
    try:
        return email.utils.parsedate_to_datetime(answer.header("Date")).timestamp()
    except ValueError:
        return None
