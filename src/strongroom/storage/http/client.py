"""Requests over HTTP, and reading what comes back; how to sign and what answers mean is for each protocol to say."""

from __future__ import annotations

import contextlib
import http.client
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, StoreError, Unavailable, Unsupported
from strongroom.base.record import record
from strongroom.storage.contract import Reader
from strongroom.storage.http.connection import Connection, Pool, connection_error
from strongroom.storage.http.endpoint import Endpoint
from strongroom.storage.stopping import Purpose

if TYPE_CHECKING:
    from strongroom.base.errors import StrongroomError
    from strongroom.base.objects import ObjectName
    from strongroom.storage.options import StoreOptions

_DRAIN = 64 << 10
Headers = dict[str, str]


class ClientAnswer:
    """An answer whose body is still to be read. Always finish it, by ``text``, or through ``close``."""

    def __init__(self, response: http.client.HTTPResponse, connection: Connection, pool: Pool) -> None:
        self._response = response
        self._connection: Connection | None = connection
        self._pool = pool
        self.method = ""
        """That of a request which was asked with ``HttpClient.ask``."""
        self.status = response.status
        self.length = response.length
        """Bytes of the body; None where the server does not say. After HEAD, 0."""
        self.reusable = not response.will_close
        """Cleared where the request was not sent to its end: the connection serves no more."""

    def header(self, name: str) -> str:
        """A header's value; empty where there is none."""
        return self._response.getheader(name) or ""

    def read(self, limit: int) -> bytes:
        """Up to ``limit`` bytes of the body. Raises OSError, HTTPException."""
        return self._response.read(limit)

    def declared_length(self, subject: str) -> int:
        """The Content-Length header, which after HEAD tells the object's size. Raises ``Unsupported``."""
        text = self.header("Content-Length")
        if not text.isdecimal():
            raise Unsupported("the server does not say how long the object is", subject=subject)
        return int(text)

    def text(self) -> str:
        """What is left of a short body, for people; closes."""
        try:
            return self._response.read(_DRAIN).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            self.close()

    def close(self) -> None:
        """Give the connection back when the body was read to its end, or nearly; drop it otherwise. Idempotent."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        response = self._response
        try:
            if not response.isclosed() and response.length is not None and response.length <= _DRAIN:
                response.read()
            whole = response.isclosed()
        except (OSError, http.client.HTTPException):
            whole = False
        if whole and self.reusable:
            self._pool.give(connection)
        else:
            response.close()
            connection.close()


class HttpClient(ABC):
    """Sends requests to one repository's place. Safe to use from many threads."""

    def __init__(self, endpoint: Endpoint, options: StoreOptions) -> None:
        self.endpoint = endpoint
        self.pool = Pool(endpoint, options)
        self.server: str | None = None
        """The Server header of the first answer; None before it."""

    @abstractmethod
    def subject(self, path: str) -> str:
        """How errors name a place below the address."""

    @abstractmethod
    def begin(self, connection: http.client.HTTPConnection, method: str, path: str, headers: Headers) -> None:
        """Put together a request's head, credentials included; ``endheaders`` sends it."""

    @abstractmethod
    def fault(self, answer: ClientAnswer, path: str, *, upload: bool = False) -> StrongroomError:
        """The error for an answer that is no success; finishes the answer."""

    @abstractmethod
    def upload_head(self, name: ObjectName, size: int, digest: bytes | None) -> tuple[str, Headers]:
        """Method and headers with which an object of ``size`` bytes is sent; ``digest`` is its SHA-256 where known."""

    def accepted(self, name: ObjectName, answer: ClientAnswer) -> None:
        """An upload was accepted; ``answer`` is still open."""

    def ask(
        self,
        method: str,
        path: str,
        headers: Headers | None = None,
        body: bytes = b"",
        purpose: Purpose = Purpose.READ,
    ) -> ClientAnswer:
        """A request that may be repeated. Raises ``Unavailable``, ``Refused``, ``Interrupted``.

        When a connection that was used before turns out to be closed, the request is sent once more on a new one.
        """
        while True:
            connection, used = self.pool.take(purpose)
            try:
                self.begin(connection, method, path, headers or {})
                connection.endheaders(body or None)
                answer = self.answer(connection)
                answer.method = method
                return answer
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if used and not isinstance(error, TimeoutError):
                    continue
                raise connection_error(error, self.subject(path)) from error
            except BaseException:
                connection.close()
                raise

    def answer(self, connection: Connection) -> ClientAnswer:
        """Wait for the answer. Raises OSError, HTTPException."""
        answer = ClientAnswer(connection.getresponse(), connection, self.pool)
        if self.server is None:
            self.server = answer.header("Server")
        return answer


class ListBody:
    """The body of a list, which may come without a length."""

    def __init__(self, answer: ClientAnswer, subject: str) -> None:
        self._answer = answer
        self._subject = subject
        self._left = answer.length

    def read(self, limit: int) -> bytes:
        """Up to ``limit`` bytes, empty at the end. Raises ``Unavailable`` when it ends too early."""
        try:
            part = self._answer.read(limit)
        except (OSError, http.client.HTTPException) as error:
            raise connection_error(error, self._subject) from error
        if self._left is not None:
            self._left -= len(part)
            if not part and self._left:
                raise Unavailable("the connection ended in the middle of the list", subject=self._subject)
        return part


class BodyReader(Reader):
    """A range of an object, as it arrives. ``skip`` bytes come before the range and are thrown away."""

    def __init__(self, answer: ClientAnswer, size: int, subject: str, skip: int = 0) -> None:
        self.size = size
        self._left = size
        self._skip = skip
        self._answer = answer
        self._subject = subject

    def read(self, limit: int = -1, /) -> bytes:
        """As the contract says."""
        while self._skip:
            self._skip -= len(self._receive(min(self._skip, 1 << 20)))
        wanted = self._left if limit < 0 else min(limit, self._left)
        parts: list[bytes] = []
        while wanted:
            part = self._receive(wanted)
            self._left -= len(part)
            wanted -= len(part)
            if not parts and not wanted:
                return part
            parts.append(part)
            if limit >= 0:
                break
        return b"".join(parts)

    def _receive(self, wanted: int) -> bytes:
        try:
            part = self._answer.read(wanted)
        except (OSError, http.client.HTTPException) as error:
            raise connection_error(error, self._subject) from error
        if not part:
            raise Unavailable("the connection ended in the middle of the object", subject=self._subject)
        return part

    def close(self) -> None:
        """Give the connection back."""
        self._answer.close()


def open_range(client: HttpClient, path: str, offset: int, length: int | None) -> Reader:
    """GET a range. A server that ignores ranges is served too: what comes before is thrown away.

    Raises ``Missing``, ``Damaged`` when the object ends before the range does, ``Refused``, ``Unavailable``.
    """
    subject = client.subject(path)
    if length == 0:
        return _empty(client, path, offset)
    ranged = offset > 0 or length is not None
    end = "" if length is None else str(offset + length - 1)
    answer = client.ask("GET", path, {"Range": f"bytes={offset}-{end}"} if ranged else {})
    try:
        if answer.status not in {200, 206}:
            if answer.status == 416 and length is None:
                return _empty(client, path, offset)
            raise client.fault(answer, path)
        if answer.status == 206:
            _check_start(answer, offset, subject)
        skip = offset if answer.status == 200 else 0
        if answer.length is None:  # a proxy sends it in chunks, or rclone has nothing to send
            there = head(client, path).size - offset
            there = there if length is None else min(there, length)
        else:
            there = answer.length - skip
        if there < (length or 0) or there < 0:
            raise Damaged(
                f"{max(there, 0)} bytes are there from {offset} on, {length or 0} are needed", subject=subject
            )
        if length is not None and answer.status == 206 and there > length:
            raise StoreError("the server sent another range than the one it was asked for", subject=subject)
        return BodyReader(answer, there if length is None else length, subject, skip)
    except BaseException:
        answer.close()
        raise


def _empty(client: HttpClient, path: str, offset: int) -> Reader:
    """A range without bytes, which HTTP cannot ask for: the object's size decides whether it is there."""
    size = head(client, path).size
    if offset > size:
        raise Damaged(f"the object has {size} bytes, {offset} are needed", subject=client.subject(path))
    return NoBytes()


class NoBytes(Reader):
    """A range without bytes."""

    size = 0

    def read(self, _limit: int = -1, /) -> bytes:
        """Nothing."""
        return b""

    def close(self) -> None:
        """Nothing is open."""


@record
class Head:
    """What HEAD says of an object: its bytes, and when it was stored, as HTTP writes it, or empty."""

    size: int
    modified: str


def head(client: HttpClient, path: str, purpose: Purpose = Purpose.READ) -> Head:
    """Ask for an object's size and stamp. Raises ``Missing``, ``Refused``, ``Unavailable``, ``Unsupported``."""
    answer = client.ask("HEAD", path, purpose=purpose)
    if answer.status != 200:
        raise client.fault(answer, path)
    with contextlib.closing(answer):
        return Head(answer.declared_length(client.subject(path)), answer.header("Last-Modified"))


def _check_start(answer: ClientAnswer, offset: int, subject: str) -> None:
    said = answer.header("Content-Range")
    if said and not said.startswith(f"bytes {offset}-"):
        raise StoreError("the server sent another range than the one it was asked for", subject=subject)
