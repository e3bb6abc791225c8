"""What an S3 provider really does: the questions of ``storage probe`` that need more than the contract."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.storage.probe.race import RACERS, race
from strongroom.storage.probe.s3_requests import S3Requests, date_of
from strongroom.storage.probe.s3_settings import add_settings
from strongroom.storage.report import Report, Worth
from strongroom.storage.s3 import xml as s3_xml
from strongroom.storage.s3.sign import query_string

if TYPE_CHECKING:
    from strongroom.storage.s3.store import S3Store

_ROUNDS = 5


def probe_s3(store: S3Store) -> Report:
    """Ask a bucket everything. Raises what the first PUT raises: without it nothing can be asked."""
    prober = _Prober(store)
    try:
        prober.create_and_read()
        prober.conditions()
        prober.checksums()
        prober.overwrite_and_delete()
        add_settings(prober.report, store, keeps_versions=prober.keeps_versions)
        prober.multipart()
        prober.clocks()
    finally:
        prober.tidy()
    return prober.report


class _Prober(S3Requests):
    keeps_versions = False

    def create_and_read(self) -> None:
        """The least: an object goes in, is listed at once, comes out, whole and in part."""
        status, what = self.put("first", b"0123456789")
        if status != 200:
            raise errors.Refused(f"the probe may not write: {what}", subject=self.store.location)
        whole = self.get("first") == (200, b"0123456789")
        part = self.get("first", {"Range": "bytes=3-5"}) == (206, b"345")
        self.report.add(
            "read",
            "Reading back, whole and a range",
            "right" if whole and part else "WRONG" if not whole else "whole alone; ranges are WRONG",
            Worth.GOOD if whole and part else Worth.BAD,
        )
        listed = "first" in [key for key, _ in self.keys()]
        self.report.add(
            "list",
            "A new object in lists",
            "at once" if listed else "not at once",
            Worth.GOOD if listed else Worth.BAD,
            "" if listed else "Lists that lag make good objects look lost.",
        )

    def conditions(self) -> None:
        """``If-None-Match: *``, one after the other and at once (G-7)."""
        first, _ = self.put("taken", b"first", {"If-None-Match": "*"})
        second, _ = self.put("taken", b"second", {"If-None-Match": "*"})
        kept = self.get("taken")[1] == b"first"
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
        status, what = self.put(key, body, {"If-None-Match": "*"})
        if status != 200:
            raise errors.Exists(what)

    def checksums(self) -> None:
        """Whether the store checks what arrives, and keeps the sum."""
        wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
        checksum, _ = self.put("sum1", b"these", {"x-amz-checksum-sha256": wrong})
        payload, _ = self.put("sum2", b"these", {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()})
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
        self.put("sum3", b"kept", {"x-amz-checksum-sha256": right})
        answer = self.client.ask("HEAD", self.root + "sum3", {"x-amz-checksum-mode": "ENABLED"})
        kept = answer.header("x-amz-checksum-sha256") == right
        answer.close()
        told, worth = ("told", Worth.GOOD) if kept else ("not told", Worth.NOTE)
        self.report.add("checksum-kept", "The SHA-256 of a stored object", told, worth)

    def overwrite_and_delete(self) -> None:
        """What these credentials can destroy, and what is left of it (S-1, S-2)."""
        self.put("changed", b"good")
        overwritten, _ = self.put("changed", b"garbage")
        deleted, _ = self.delete("changed")
        versions = self.versions("changed")
        good = None
        for version, marker in versions:
            if not marker and self.get(f"changed?{query_string({'versionId': version})}") == (200, b"good"):
                good = version
        self.keeps_versions = good is not None
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
        erased, _ = self.delete("changed", good)
        gone = self.get(f"changed?{query_string({'versionId': good})}")[0] != 200
        self.report.add(
            "erase-version",
            "Erasing a version for good",
            "possible with these credentials" if 200 <= erased < 300 and gone else f"refused ({erased})",
            Worth.WEAK if gone else Worth.GOOD,
            "Hosts and the gateway need credentials that cannot (no s3:DeleteObjectVersion), or object lock."
            if gone
            else "",
        )

    def multipart(self) -> None:
        """Which date an object gets that was sent in parts: that of its beginning or of its end."""
        key = self.root + "parts"
        answer = self.client.ask("POST", f"{key}?uploads=", {"Content-Length": "0"})
        if answer.status != 200:
            self.finish(answer)
            self.report.add("multipart-date", "The date of an object sent in parts", "no such uploads", Worth.NOTE)
            return
        began = date_of(answer)
        upload = s3_xml.parse(answer.text().encode(), key).text("UploadId")
        self.clock.sleep(3)
        query = query_string({"partNumber": "1", "uploadId": upload})
        body = bytes(1000)
        head = {"Content-Length": str(len(body)), "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        part = self.client.ask("PUT", f"{key}?{query}", head, body)
        etag = part.header("ETag")
        part.close()
        document = (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
        ).encode()
        head = {"Content-Length": str(len(document)), "x-amz-content-sha256": hashlib.sha256(document).hexdigest()}
        done = self.client.ask("POST", f"{key}?{query_string({'uploadId': upload})}", head, document)
        done.text()
        stamp = dict(self.keys()).get("parts")
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

    def clocks(self) -> None:
        """The store's clock against ours."""
        answer = self.client.ask("HEAD", self.root + "first")
        ours, theirs = self.clock.now_ns() / 1e9, date_of(answer)
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
