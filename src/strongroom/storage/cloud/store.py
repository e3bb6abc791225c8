"""Repositories in Google Cloud Storage and Azure, through obstore, in restic's layout.

Every object is one PUT that does not replace (a generation of 0, ``If-None-Match: *``). These providers check sums of
their own (CRC-32C, MD5) and not the SHA-256 that names the object, so damage on the way to them is noticed when an
object is read. obstore holds an object in memory while it sends it; all uploads of a store together are kept within
``MEMORY``, or one object where that is larger.
"""

from __future__ import annotations

import contextlib
import re
import threading
from typing import TYPE_CHECKING, Any

import obstore
from obstore import exceptions

from strongroom.base import errors
from strongroom.base.objects import Kind, ObjectName, is_object_name
from strongroom.base.redact import redact
from strongroom.storage.cloud.opening import open_bucket
from strongroom.storage.contract import Info, Reader, Store, StoreKind, Upload
from strongroom.storage.http.client import NoBytes
from strongroom.storage.http.spool import SpooledUpload
from strongroom.storage.names import check_child
from strongroom.storage.stopping import Purpose, Stop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from strongroom.storage.cloud.url import CloudAddress
    from strongroom.storage.options import StoreOptions

MEMORY = 64 << 20
_BLOCK = 1 << 20
_PAGE = 1000
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")
_TOKEN = "performing token request"
"""obstore's words where it asks a machine's metadata service, since nobody has given it credentials."""


class CloudStore(Store):
    """A prefix in a bucket or container."""

    store_kind = StoreKind.CLOUD
    conditional_create = True

    def __init__(self, address: CloudAddress, options: StoreOptions, bucket: Any = None) -> None:
        self.address = address
        self.connections = options.connections or 5
        self._options = options
        self.bucket = bucket or open_bucket(address, options)
        self._gate = _Gate(MEMORY)
        self.stop = Stop(options)

    @property
    def location(self) -> str:
        """The URL."""
        return self.address.location

    def prepare(self) -> None:
        """See that the bucket is there; it is never made here."""
        with self._faults(""):
            pages = obstore.list(self.bucket, prefix=f"{self.address.prefix}keys", chunk_size=1)
            self.stop.result_of(lambda: next(iter(pages), None))

    def key(self, name: ObjectName) -> str:
        """The object's key in the bucket."""
        return self.address.prefix + name.path

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """As the contract says, a page of a thousand at a time."""
        if kind is Kind.CONFIG:
            yield from self._list_config(after)
            return
        folder = f"{self.address.prefix}{kind.value}"
        offset = None
        if after is not None:
            offset = f"{folder}/{after[:2]}/{after}" if kind is Kind.DATA else f"{folder}/{after}"
        previous = ""
        with self._faults(folder, listing=True):
            pages = iter(obstore.list(self.bucket, prefix=folder, offset=offset, chunk_size=_PAGE))
            while page := self.stop.result_of(lambda: next(pages, None)):
                for entry in page:
                    text = entry["path"].rpartition("/")[2]
                    if not is_object_name(text) or (after is not None and text <= after):
                        continue
                    name = ObjectName(kind, text)
                    if self.key(name) != entry["path"]:
                        continue
                    if text <= previous:
                        raise errors.Unsupported("the store lists out of order", subject=self.location)
                    previous = text
                    yield Info(name, entry["size"], int(entry["last_modified"].timestamp()) * 1_000_000_000)

    def stat(self, name: ObjectName) -> Info:
        """As the contract says; stamps are whole seconds."""
        with self._faults(self.key(name)):
            found = self.stop.result_of(lambda: obstore.head(self.bucket, self.key(name)))
        return Info(name, found["size"], int(found["last_modified"].timestamp()) * 1_000_000_000)

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """As the contract says. The size is asked first, since a range beyond the end is answered in several ways."""
        key = self.key(name)
        with self._faults(key):
            ask = self.stop.result_of
            size = ask(lambda: obstore.head(self.bucket, key)["size"]) if offset or length is not None else None
            end = size if length is None else offset + length
            if size is not None and (offset > size or (end or 0) > size):
                raise errors.Damaged(f"the object has {size} bytes, {end} are needed", subject=self._subject(key))
            if size is not None and end is not None:
                if end == offset:
                    return NoBytes()
                span = (offset, end)
                found = ask(lambda: obstore.get(self.bucket, key, options={"range": span}))
            else:
                found = ask(lambda: obstore.get(self.bucket, key))
            first, last = found.range
            return _CloudReader(self, iter(found.stream(_BLOCK)), last - first, key)

    def open_key(self, key: str) -> Reader:
        """Whatever file stands at a key of the bucket, whole. Raises the store's errors."""
        with self._faults(key):
            found = self.stop.result_of(lambda: obstore.get(self.bucket, key))
            first, last = found.range
            return _CloudReader(self, iter(found.stream(_BLOCK)), last - first, key)

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """As the contract says; collected first, in memory up to 1 MiB and then on disk."""
        return SpooledUpload(name, size, lambda file, length: self._send(name, file, length))

    def _send(self, name: ObjectName, file: BinaryIO, size: int) -> None:
        with self._gate.room(size):
            self._put(name, file.read())

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """As the contract says."""
        with self._gate.room(memoryview(data).nbytes):
            self._put(name, data)

    def put_file(self, key: str, file: BinaryIO, size: int) -> None:
        """One PUT that does not replace. Raises ``Exists``; after other faults the object may be there all the same."""
        with self._gate.room(size):
            self._put_once(key, file.read())

    def _put_once(self, key: str, data: bytes) -> None:
        try:
            with self._faults(key):
                self.stop.result_of(
                    lambda: obstore.put(self.bucket, key, data, mode="create", use_multipart=False), Purpose.STORE
                )
        except errors.Missing as error:
            raise errors.Refused(error.what, subject=error.subject, hint="Is the bucket there?") from error

    def _put(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        key = self.key(name)
        try:
            self._put_once(key, bytes(data))
        except (errors.Exists, errors.Unavailable) as fault:
            # The answer of an attempt of ours may have been lost: what stands there decides.
            try:
                same = self._holds(name, data)
            except errors.Missing:
                raise fault from None
            except errors.StoreError:
                raise fault from None
            if not same:
                raise errors.Exists("other bytes stand under this name already", subject=self._subject(key)) from None

    def _holds(self, name: ObjectName, data: bytes | bytearray | memoryview) -> bool:
        view = memoryview(data).cast("B")
        with self.read(name) as reader:
            if reader.size != len(view):
                return False
            position = 0
            while block := reader.read(_BLOCK):
                if view[position : position + len(block)] != block:
                    return False
                position += len(block)
        return True

    def child(self, name: str) -> CloudStore:
        """The repository at the next part of the prefix."""
        check_child(name)
        address = type(self.address)(
            self.address.scheme, self.address.bucket, f"{self.address.prefix}{name}/", self.address.endpoint
        )
        return CloudStore(address, self._options, self.bucket)

    def release_lock(self, name: str) -> None:
        """As the contract says."""
        key = self.key(ObjectName(Kind.LOCK, name))
        with contextlib.suppress(errors.Missing), self._faults(key):
            self.stop.result_of(lambda: obstore.delete(self.bucket, key), Purpose.RELEASE)

    def _subject(self, key: str) -> str:
        return f"{self.address.scheme}://{self.address.bucket}/{key}"

    @contextlib.contextmanager
    def _faults(self, key: str, *, listing: bool = False) -> Iterator[None]:
        """Turn obstore's errors into ours; a missing bucket is Refused, never Missing."""
        try:
            yield
        except (exceptions.BaseError, FileNotFoundError, PermissionError, OSError) as error:
            raise store_error(error, self._subject(key), listing=listing) from None

    faults = _faults


def store_error(error: Exception, subject: str, *, listing: bool = False) -> errors.StoreError:
    """What an error of obstore's means. Its text is cut and redacted, since it holds URLs."""
    text = redact(str(error))
    what = next((line.strip() for line in text.splitlines() if line.strip()), type(error).__name__)[:300]
    missing = isinstance(error, exceptions.NotFoundError | FileNotFoundError)
    if any(word in text for word in _NO_BUCKET) or (missing and listing):
        return errors.Refused("there is no such bucket", subject=subject, hint="Make it first.")
    if missing:
        return errors.Missing("there is no such object", subject=subject)
    if isinstance(error, exceptions.AlreadyExistsError | exceptions.PreconditionError):
        return errors.Exists("the name is taken already", subject=subject)
    if isinstance(error, exceptions.PermissionDeniedError | exceptions.UnauthenticatedError | PermissionError):
        return errors.Refused(what, subject=subject, hint="These credentials may not do that here.")
    if _TOKEN in text:
        certain = re.search(r"status code: 4(?!08|29)\d\d", text)
        return (errors.Refused if certain else errors.Unavailable)(
            "no credentials are given, and the provider's metadata service gave this machine none",
            subject=subject,
            hint="Set GOOGLE_APPLICATION_CREDENTIALS, or AZURE_ACCOUNT_NAME and AZURE_ACCOUNT_KEY.",
        )
    other = errors.Unsupported if isinstance(error, exceptions.NotSupportedError) else errors.Unavailable
    return other(what, subject=subject)


class _CloudReader(Reader):
    def __init__(self, store: CloudStore, blocks: Iterator[Any], size: int, key: str) -> None:
        self.size = size
        self._left = size
        self._store = store
        self._blocks = blocks
        self._key = key
        self._held = b""

    def read(self, limit: int = -1, /) -> bytes:
        wanted = self._left if limit < 0 else min(limit, self._left)
        parts: list[bytes] = []
        while wanted:
            if not self._held:
                with self._store.faults(self._key):
                    self._held = self._store.stop.result_of(lambda: bytes(next(self._blocks, b"")))
                if not self._held:
                    raise errors.Unavailable("the connection ended in the middle of the object", subject=self._key)
            part, self._held = self._held[:wanted], self._held[wanted:]
            self._left -= len(part)
            wanted -= len(part)
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        self._blocks = iter(())


class _Gate:
    """Lets bytes into memory up to a limit; an object larger than that goes alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def room(self, size: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._used == 0 or self._used + size <= self._limit)
            self._used += size
        try:
            yield
        finally:
            with self._changed:
                self._used -= size
                self._changed.notify_all()
