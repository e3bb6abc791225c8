"""A repository in an S3 bucket, in restic's layout, so that stock restic can open the bucket directly.

Every object is one PUT with ``If-None-Match: *`` and the SHA-256 of its bytes: the store refuses to replace, and
refuses damage. Stamps are whole seconds.
"""

from __future__ import annotations

import email.utils
import hashlib
from typing import TYPE_CHECKING, BinaryIO

from strongroom.base import errors
from strongroom.base.objects import CONFIG, Kind, ObjectName, is_object_name
from strongroom.storage.contract import Info, Reader, Store, StoreKind, Upload
from strongroom.storage.http.client import head, open_range
from strongroom.storage.http.objects import is_taken, release_lock
from strongroom.storage.http.spool import SpooledUpload, pour
from strongroom.storage.http.upload import HttpUpload
from strongroom.storage.names import check_child
from strongroom.storage.s3 import xml as s3_xml
from strongroom.storage.s3.client import S3Client
from strongroom.storage.s3.sign import query_string

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.storage.options import StoreOptions
    from strongroom.storage.s3.url import S3Address


class S3Store(Store):
    """A prefix in a bucket. ``client`` is shared with the stores of repositories below."""

    store_kind = StoreKind.S3
    page = 1000
    """How many keys to ask for at once; providers give no more."""

    def __init__(self, address: S3Address, options: StoreOptions, client: S3Client | None = None) -> None:
        self.address = address
        self.connections = options.connections or 5
        self.options = options
        self.client = client or S3Client(address, options)

    @property
    def conditional_create(self) -> bool:  # type: ignore[override]  # as the URL says
        """Whether the store refuses a taken name: ``storage probe`` finds out, ``conditional=no`` says that not."""
        return self.address.conditional

    @property
    def location(self) -> str:
        """The URL in restic's form."""
        return self.address.location

    def prepare(self) -> None:
        """See that the bucket is there; it is never made here, since versions and locks are decided when it is."""
        answer = self.client.ask("HEAD", "")
        answer.close()
        if answer.status == 404:
            raise errors.Refused("there is no such bucket", subject=self.location, hint="Make it first.")
        if answer.status not in {200, 403}:  # 403: keys that may only write objects may not look at the bucket
            raise self.client.fault(answer, "")

    def key(self, name: ObjectName) -> str:
        """The object's key in the bucket."""
        return self.address.prefix + name.path

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """As the contract says, a page of a thousand at a time."""
        if kind is Kind.CONFIG:
            yield from self._list_config(after)
            return
        prefix = f"{self.address.prefix}{kind.value}/"
        query = {"list-type": "2", "prefix": prefix, "max-keys": str(self.page)}
        if after is not None:
            shard = f"{after[:2]}/" if kind is Kind.DATA else ""
            query["start-after"] = prefix + shard + after
        while True:
            rows, page = self.client.rows(f"?{query_string(query)}", "Contents", self._row)
            for key, size, modified_ns in rows:
                name = self.name_of(kind, key)
                if name is not None and (after is None or name.name > after):
                    yield Info(name, size, modified_ns)
            token = page.text("NextContinuationToken")
            if page.text("IsTruncated") != "true" or not token:
                return
            query.pop("start-after", None)
            query["continuation-token"] = token

    def _row(self, entry: s3_xml.Element) -> tuple[str, int, int | None]:
        size = entry.text("Size")
        if not (size.isascii() and size.isdecimal()):
            raise errors.Damaged("the store lists an object without a size", subject=self.location)
        return entry.text("Key"), int(size), s3_xml.stamp_ns(entry.text("LastModified"))

    def name_of(self, kind: Kind, key: str) -> ObjectName | None:
        """The object at a key; None for strays."""
        if kind is Kind.CONFIG:
            return CONFIG if key == self.key(CONFIG) else None
        text = key.rpartition("/")[2]
        if not is_object_name(text):
            return None
        name = ObjectName(kind, text)
        return name if self.key(name) == key else None

    def stat(self, name: ObjectName) -> Info:
        """As the contract says."""
        there = head(self.client, self.key(name))
        return Info(name, there.size, _stamp_ns(there.modified))

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """As the contract says."""
        return open_range(self.client, self.key(name), offset, length)

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """As the contract says.

        The hash has to be sent first. For all but the config it is the name, so that an upload of known size streams
        through; otherwise the bytes are collected first.
        """
        if size is None or name.kind is Kind.CONFIG:
            return SpooledUpload(name, size, lambda file, length: self._send(name, file, length))
        return self._upload(name, size, bytes.fromhex(name.name))

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """As the contract says."""
        digest = hashlib.sha256(data).digest() if name.kind is Kind.CONFIG else bytes.fromhex(name.name)
        with self._upload(name, memoryview(data).nbytes, digest) as upload:
            upload.send_all(data)

    def _send(self, name: ObjectName, file: BinaryIO, size: int) -> None:
        digest = bytes.fromhex(name.name)
        if name.kind is Kind.CONFIG:
            digest = hashlib.sha256(file.read()).digest()
            file.seek(0)
        pour(file, self._upload(name, size, digest))

    def _upload(self, name: ObjectName, size: int, digest: bytes) -> HttpUpload:
        key = self.key(name)
        taken = is_taken(self.client, key, refuses=self.conditional_create)
        return HttpUpload(self.client, key, name, size, digest=digest, taken=taken)

    def child(self, name: str) -> S3Store:
        """The repository at the next part of the prefix."""
        check_child(name)
        return S3Store(self.address.below(name), self.options, self.client)

    def release_lock(self, name: str) -> None:
        """As the contract says."""
        release_lock(self.client, self.key(ObjectName(Kind.LOCK, name)))

    def close(self) -> None:
        """Close idle connections."""
        self.client.pool.close()


def _stamp_ns(header: str) -> int | None:
    try:
        return int(email.utils.parsedate_to_datetime(header).timestamp()) * 1_000_000_000
    except ValueError:
        return None
