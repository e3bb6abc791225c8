"""Single files at keys below a store's prefix, and what became of one PUT: what the gateway needs beyond the contract.

The contract's ``create`` settles a doubtful upload by itself and says nothing of how. A gateway has to know whether
this PUT made the object, whether the name was taken, or whether nobody can say yet.
"""

from __future__ import annotations

import base64
import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from strongroom.base import errors
from strongroom.base.clock import monotonic
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record
from strongroom.storage.http.client import open_range
from strongroom.storage.http.upload import HttpUpload
from strongroom.storage.s3 import xml as s3_xml
from strongroom.storage.s3.sign import encode, query_string
from strongroom.storage.s3.store import S3Store

if TYPE_CHECKING:
    from io import RawIOBase

    from strongroom.storage.cloud.store import CloudStore
    from strongroom.storage.contract import Reader

BLOCK = 256 << 10
"""So much of a file is in memory: forty uploads at once fit beside everything else."""


@record
class KeyedFile:
    """What stands at a key. ``sha256`` is the sum that the store itself checked and kept, where it has one."""

    size: int
    sha256: str | None


class Keyed(ABC):
    """Files at keys. Keys are relative to the store's prefix. Safe to use from many threads."""

    conditional: bool
    """Whether the store is said to refuse a taken key."""
    sums: str
    """Which sum the store checks of what arrives."""

    @abstractmethod
    def put(self, key: str, file: BinaryIO, size: int, sha256: str, *, pack: bool = False, until: float) -> bool:
        """One PUT of ``size`` bytes, that does not replace; false when the key is taken.

        ``until`` is a time of the monotonic clock after which no more is sent. Raises ``Unavailable``, when the file
        may be there all the same; ``Refused`` and ``Full``, when it is not.
        """

    @abstractmethod
    def head(self, key: str) -> KeyedFile:
        """What stands at a key. Raises ``Missing``, ``Refused``, ``Unavailable``."""

    @abstractmethod
    def read(self, key: str, limit: int) -> bytes:
        """A small file. Raises ``Missing``, ``LimitExceeded`` beyond ``limit`` bytes."""

    @abstractmethod
    def open(self, key: str) -> Reader:
        """A file of any size. Raises ``Missing``, ``Refused``, ``Unavailable``."""

    @abstractmethod
    def copy(self, source: str, key: str) -> None:
        """Make a file the copy of another, within the store. Raises ``Missing``, ``Refused``, ``Unavailable``."""

    @abstractmethod
    def list(self, folder: str) -> tuple[list[str], list[str]]:
        """The names of the files and of the folders directly in a folder (empty, or ending with a slash)."""


class S3Keyed(Keyed):
    """Files in an S3 bucket."""

    sums = "SHA-256"

    def __init__(self, store: S3Store) -> None:
        self._client = store.client
        self._prefix = store.address.prefix
        self.conditional = store.address.conditional

    def put(self, key: str, file: BinaryIO, size: int, sha256: str, *, pack: bool = False, until: float) -> bool:
        """As the base says; the store checks the SHA-256."""
        name = ObjectName(Kind.DATA if pack else Kind.INDEX, sha256)  # for the storage class alone
        path = self._prefix + key
        upload = HttpUpload(self._client, path, name, size, digest=bytes.fromhex(sha256), hashed=False)
        try:
            view = memoryview(bytearray(min(size, BLOCK) or 1))
            raw = cast("RawIOBase", file)
            while count := raw.readinto(view):
                upload.write(view[:count])
                if monotonic() > until:
                    raise errors.Unavailable("the store takes too long", subject=self._client.subject(path))
            fault = upload.conclude()
        finally:
            upload.abort()
        if isinstance(fault, errors.Exists):
            return False
        if fault is not None:
            raise fault
        return True

    def head(self, key: str) -> KeyedFile:
        """As the base says; asks for the checksum that was kept at the upload."""
        path = self._prefix + key
        answer = self._client.ask("HEAD", path, {"x-amz-checksum-mode": "ENABLED"})
        if answer.status != 200:
            raise self._client.fault(answer, path)
        with contextlib.closing(answer):
            text = answer.header("x-amz-checksum-sha256")
            size = answer.declared_length(self._client.subject(path))
        try:
            digest = base64.b64decode(text, validate=True)
        except ValueError:
            digest = b""  # of a multipart object: a sum of sums
        return KeyedFile(size, digest.hex() if len(digest) == 32 else None)

    def read(self, key: str, limit: int) -> bytes:
        """As the base says."""
        with open_range(self._client, self._prefix + key, 0, None) as reader:
            if reader.size > limit:
                raise errors.LimitExceeded("the file is too large", subject=self._client.subject(self._prefix + key))
            return reader.read()

    def open(self, key: str) -> Reader:
        """As the base says."""
        return open_range(self._client, self._prefix + key, 0, None)

    def copy(self, source: str, key: str) -> None:
        """As the base says; the store may report a failure inside a 200."""
        path = self._prefix + key
        there = f"/{self._client.address.bucket}/{encode(self._prefix + source)}"
        headers = {"x-amz-copy-source": there, "x-amz-checksum-algorithm": "SHA256", "Content-Length": "0"}
        answer = self._client.ask("PUT", path, headers)
        if answer.status != 200:
            raise self._client.fault(answer, path)
        document = s3_xml.parse(answer.text().encode(), self._client.subject(path))
        if document.name != "CopyObjectResult":
            raise errors.Unavailable(f"the copy failed: {document.text('Code')}", subject=self._client.subject(path))

    def list(self, folder: str) -> tuple[list[str], list[str]]:
        """As the base says."""
        prefix = self._prefix + folder
        query = {"list-type": "2", "prefix": prefix, "delimiter": "/", "max-keys": "1000"}
        files: list[str] = []
        folders: list[str] = []
        while True:
            rows, page = self._client.rows(f"?{query_string(query)}", "Contents", lambda entry: entry.text("Key"))
            files += [key[len(prefix) :] for key in rows]
            folders += [entry.text("Prefix")[len(prefix) : -1] for entry in page.children("CommonPrefixes")]
            token = page.text("NextContinuationToken")
            if page.text("IsTruncated") != "true" or not token:
                return files, folders
            query["continuation-token"] = token


class CloudKeyed(Keyed):
    """Files in a bucket of Google's or a container of Azure's."""

    conditional = True
    sums = "its own sums (CRC-32C, MD5), not SHA-256"

    def __init__(self, store: CloudStore) -> None:
        self._store = store

    def put(self, key: str, file: BinaryIO, size: int, sha256: str, *, pack: bool = False, until: float) -> bool:
        """As the base says; obstore holds the file in memory, within the store's limit for all."""
        del sha256, pack, until  # these stores check sums of their own; a request ends by its own time limit
        try:
            self._store.put_file(self._store.address.prefix + key, file, size)
        except errors.Exists:
            return False
        return True

    def head(self, key: str) -> KeyedFile:
        """As the base says."""
        path = self._store.address.prefix + key
        with self._store.faults(path):
            return KeyedFile(_obstore().head(self._store.bucket, path)["size"], None)

    def read(self, key: str, limit: int) -> bytes:
        """As the base says."""
        path = self._store.address.prefix + key
        with self._store.faults(path):
            found = _obstore().get(self._store.bucket, path)
            if found.meta["size"] > limit:
                raise errors.LimitExceeded("the file is too large", subject=path)
            return bytes(found.bytes())

    def open(self, key: str) -> Reader:
        """As the base says."""
        return self._store.open_key(self._store.address.prefix + key)

    def copy(self, source: str, key: str) -> None:
        """As the base says."""
        prefix = self._store.address.prefix
        with self._store.faults(prefix + source):
            _obstore().copy(self._store.bucket, prefix + source, prefix + key)

    def list(self, folder: str) -> tuple[list[str], list[str]]:
        """As the base says."""
        prefix = self._store.address.prefix + folder
        with self._store.faults(prefix, listing=True):
            found = _obstore().list_with_delimiter(self._store.bucket, prefix=prefix.rstrip("/") or None)
        files = [entry["path"][len(prefix) :] for entry in found["objects"]]
        return files, [path.rstrip("/")[len(prefix) :] for path in found["common_prefixes"]]


def _obstore() -> Any:
    import obstore  # noqa: PLC0415 -- an extra

    return obstore
