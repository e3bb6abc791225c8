"""A repository on a REST server: rest-server, ``rclone serve restic``, our gateway."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.base.objects import Kind, ObjectName
from strongroom.storage.contract import Info, Reader, Store, StoreKind, Upload
from strongroom.storage.http.client import ListBody, head, open_range
from strongroom.storage.http.objects import is_taken, release_lock
from strongroom.storage.http.spool import SpooledUpload, pour
from strongroom.storage.http.upload import HttpUpload
from strongroom.storage.names import check_child
from strongroom.storage.rest import lists as rest_list
from strongroom.storage.rest.client import RestClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.storage.http.client import ClientAnswer
    from strongroom.storage.options import StoreOptions
    from strongroom.storage.rest.url import RestAddress


class RestStore(Store):
    """The protocol of ``restic``'s REST backend, version 2, version 1 lists understood.

    rclone overwrites what exists unless it is append-only, so there (and before the server's first answer, which tells
    who it is) a HEAD goes before each POST; two racing creators of one name may then both succeed.
    """

    store_kind = StoreKind.REST

    def __init__(self, address: RestAddress, options: StoreOptions) -> None:
        self.options = options
        self.connections = options.connections or 5
        self.client = RestClient(address, options)
        self.keeps_own_files = False
        """Whether the server has shown that it keeps files of a custodian's for who asks."""

    @property
    def conditional_create(self) -> bool:  # type: ignore[override]  # known once the server has answered
        """False for rclone, and until the server has said what it is."""
        return self.client.server is not None and not self.client.server.startswith("rclone/")

    @property
    def location(self) -> str:
        """The URL without credentials."""
        return self.client.address.location

    @property
    def place(self) -> object:
        """Server and path, however they are written."""
        return self.client.address.place

    def prepare(self) -> None:
        """Have the server make its folders."""
        answer = self.client.ask("POST", "?create=true", {"Content-Length": "0"})
        if not 200 <= answer.status < 300:
            raise self.client.fault(answer, "")
        answer.close()

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """As the contract says; 73 bytes an object are held while the list is sorted."""
        if kind is Kind.CONFIG:
            yield from self._list_config(after)
            return
        path = f"{kind.value}/"
        answer = self.client.ask("GET", path, {"Accept": rest_list.V2})
        subject = self.client.subject(path)
        if answer.status == 404 and not (self.client.server or "").startswith("rclone/"):
            answer.close()
            return
        if answer.status != 200:
            fault = self.client.fault(answer, path)
            if isinstance(fault, errors.Missing):  # a 404 of rclone's need not mean that nothing is there
                raise errors.Unavailable("the list cannot be had", subject=subject)
            raise fault
        if answer.header("Content-Type").split(";")[0].strip().lower() != rest_list.V2:
            yield from self._list_v1(kind, answer, after)
            return
        with contextlib.closing(answer):
            entries = rest_list.sorted_entries(ListBody(answer, subject).read, after, subject)
        for name, size in entries:
            yield Info(ObjectName(kind, name), size)

    def has_folder(self, kind: Kind) -> bool:
        """As the contract says: a server answers 404 for the list of one that is not there."""
        path = f"{kind.value}/"
        answer = self.client.ask("GET", path, {"Accept": rest_list.V2})
        if answer.status not in {200, 404}:
            raise self.client.fault(answer, path)
        answer.close()
        return answer.status == 200

    def _list_v1(self, kind: Kind, answer: ClientAnswer, after: str | None) -> Iterator[Info]:
        subject = self.client.subject(f"{kind.value}/")
        with contextlib.closing(answer):
            found = rest_list.names(ListBody(answer, subject).read, after, subject)
        for name in found:
            try:
                yield self.stat(ObjectName(kind, name))
            except errors.Missing:
                continue  # deleted since

    def stat(self, name: ObjectName) -> Info:
        """As the contract says; the protocol has no stamps."""
        return Info(name, head(self.client, _path(name)).size)

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """As the contract says."""
        return open_range(self.client, _path(name), offset, length)

    def stage(self, name: ObjectName, size: int | None = None) -> Upload:
        """As the contract says. Without a size the object is collected first: clients always send a length."""
        if size is None:
            return SpooledUpload(name, None, lambda file, length: pour(file, self.stage(name, length)))
        return HttpUpload(self.client, _path(name), name, size, taken=self._taken(name))

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        """As the contract says."""
        size = memoryview(data).nbytes
        with HttpUpload(self.client, _path(name), name, size, taken=self._taken(name)) as upload:
            upload.send_all(data)

    def _taken(self, name: ObjectName) -> bool:
        """Whether the name is there, asked only of a server that would replace it."""
        return is_taken(self.client, _path(name), refuses=self.conditional_create)

    def child(self, name: str) -> RestStore:
        """The repository at the next segment of the path."""
        check_child(name)
        return RestStore(self.client.address.below(name), self.options)

    def release_lock(self, name: str) -> None:
        """As the contract says."""
        release_lock(self.client, _path(ObjectName(Kind.LOCK, name)))

    def close(self) -> None:
        """Close idle connections."""
        self.client.pool.close()


def _path(name: ObjectName) -> str:
    """The URL below the repository: flat, the server makes the shards."""
    return "config" if name.kind is Kind.CONFIG else f"{name.kind.value}/{name.name}"
