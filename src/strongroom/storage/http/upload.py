"""Sending an object over HTTP, and finding out what became of it.

An upload that failed may have stored the object all the same: the answer was lost, or an earlier attempt of ours got
through and the server says 403 because the name is taken. So whatever is no plain success is settled by reading the
object back. Nothing is ever deleted after a failed upload: it might be the only copy.
"""

from __future__ import annotations

import hashlib
import http.client
from typing import TYPE_CHECKING

from strongroom.base import errors
from strongroom.storage.contract import Upload, check_size
from strongroom.storage.http.client import ClientAnswer, HttpClient, open_range
from strongroom.storage.http.connection import Connection, connection_error, readable
from strongroom.storage.stopping import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.objects import ObjectName

Data = bytes | bytearray | memoryview
_SLICE = 1 << 20
_BLOCK = 1 << 20


class HttpUpload(Upload):
    """An upload whose length is known, pushed block by block.

    ``digest`` is the SHA-256 that the bytes will have, for a store that checks it. With ``taken`` the name is known to
    be there already: nothing is sent, only compared. Without ``hashed`` the caller ends it with ``conclude``.
    """

    def __init__(
        self,
        client: HttpClient,
        path: str,
        name: ObjectName,
        size: int,
        *,
        digest: bytes | None = None,
        taken: bool = False,
        hashed: bool = True,
    ) -> None:
        self._client = client
        self._path = path
        self._name = name
        self._size = size
        self._digest = digest
        self._written = 0
        self._hash = hashlib.sha256()
        self._hashed = hashed
        self._connection: Connection | None = None
        self._early: ClientAnswer | None = None
        self._broken: Exception | None = None
        self._done = False
        self._lost = False
        self._taken = taken

    def send_all(self, data: Data) -> None:
        """Write everything and commit; compares with ``data`` where needed, so that nothing is hashed."""
        view = memoryview(data).cast("B")
        self._hashed = False
        self.write(view)
        self._finish(lambda: self._holds(view))

    def write(self, data: Data, /) -> None:
        """As the contract says. A refusal that comes early is reported by ``commit``."""
        view = memoryview(data).cast("B")
        self._written += len(view)
        if self._hashed:
            self._hash.update(view)
        if self._written > self._size:
            self.abort()
            check_size(self._name, self._size, self._written)
        for start in range(0, len(view), _SLICE):
            if self._early is not None or self._broken is not None or self._taken:
                return
            self._send(view[start : start + _SLICE])

    def commit(self) -> None:
        """As the contract says."""
        digest = self._hash.digest()
        self._finish(lambda: self._has_digest(digest))

    def conclude(self) -> errors.StrongroomError | None:
        """Wait for the answer to what was written: the fault, or None for success. Nothing is read back.

        After any fault but ``Exists`` the object may be stored all the same: the caller finds out.
        """
        try:
            check_size(self._name, self._size, self._written)
            self._done = True
            return self._outcome()
        finally:
            self._drop()

    def abort(self) -> None:
        """Drop the connection: the server sees a short body and stores nothing."""
        self._done = True
        self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if self._early is not None:
            self._early.close()
            self._early = None

    def _send(self, block: memoryview) -> None:
        connection = self._connection or self._begin()
        try:
            if self._client.endpoint.tls is False and readable(connection.wire):
                self._early = self._client.answer(connection)  # refused before the end: no use in sending more
                self._early.reusable = False
                self._connection = None
                return
            connection.send(block)
        except (OSError, http.client.HTTPException) as error:
            self._broken = error

    def _begin(self) -> Connection:
        connection, _ = self._client.pool.take(Purpose.STORE)
        self._connection = connection
        method, headers = self._client.upload_head(self._name, self._size, self._digest)
        try:
            self._client.begin(connection, method, self._path, headers)
            connection.endheaders()
        except (OSError, http.client.HTTPException) as error:
            self._broken = error
        return connection

    def _finish(self, same: Callable[[], bool | None]) -> None:
        """Wait for the answer; ``same`` reads back: True, False, or None when nothing is there."""
        try:
            check_size(self._name, self._size, self._written)
            if self._done:
                raise ValueError("this upload is over")
            self._done = True
            fault = self._outcome()
        finally:
            self._drop()
        if fault is None:
            return
        found: bool | None
        try:
            found = same()
        except errors.StoreError:
            raise fault from None  # the store cannot be asked either: the first fault says more
        if found is None:
            raise fault
        if not found:
            if self._lost:
                raise fault  # rclone writes in place: what stands there may be our own, cut off, and soon gone
            raise errors.Exists("other bytes stand under this name already", subject=self._client.subject(self._path))

    def _outcome(self) -> errors.StrongroomError | None:
        """The fault, or None for success. Raises what reading back cannot change."""
        subject = self._client.subject(self._path)
        if self._taken:
            return errors.Exists("the name is taken already", subject=subject)
        answer = self._early
        if answer is None:
            connection = self._connection or self._begin()
            if isinstance(self._broken, TimeoutError):  # nothing moved for so long: no answer will come either
                self._lost = True
                return connection_error(self._broken, subject)
            try:
                answer = self._client.answer(connection)
            except (OSError, http.client.HTTPException) as error:
                self._lost = True
                return connection_error(self._broken or error, subject)
            answer.reusable = answer.reusable and self._broken is None
        self._connection, self._early = None, None
        if 200 <= answer.status < 300:
            try:
                self._client.accepted(self._name, answer)
            finally:
                answer.close()
            return None
        fault = self._client.fault(answer, self._path, upload=True)
        if answer.status in {401, 404, 507}:
            raise fault
        return fault

    def _holds(self, data: memoryview) -> bool | None:
        """Whether the server's object is these bytes; None when it has none."""
        try:
            with open_range(self._client, self._path, 0, None) as reader:
                if reader.size != len(data):
                    return False
                position = 0
                while block := reader.read(_BLOCK):
                    if data[position : position + len(block)] != block:
                        return False
                    position += len(block)
        except errors.Missing:
            return None
        return True

    def _has_digest(self, digest: bytes) -> bool | None:
        """Whether the server's object has this SHA-256; None when it has none."""
        try:
            with open_range(self._client, self._path, 0, None) as reader:
                if reader.size != self._size:
                    return False
                there = hashlib.sha256()
                while block := reader.read(_BLOCK):
                    there.update(block)
        except errors.Missing:
            return None
        return there.digest() == digest
