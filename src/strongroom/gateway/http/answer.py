"""Answers: small ones in one piece, ranges of files by sendfile, lists in chunks as they are made."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strongroom.base.clock import SYSTEM
from strongroom.base.errors import StrongroomError
from strongroom.gateway.http.wire import Disconnected

if TYPE_CHECKING:
    from strongroom.gateway.http.wire import ServerWire
    from strongroom.storage.contract import Reader

REASONS = {
    100: "Continue",
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
    507: "Insufficient Storage",
}
BLOCK = 128 * 1024


@dataclass(slots=True)
class Answer:
    """What is sent back: a body in memory, or a reader's range, or an iterator of pieces of unknown total length."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    reader: Reader | None = None
    pieces: Iterable[bytes] | None = None
    size: int | None = None
    """The Content-Length of a HEAD's answer, whose body is not sent."""
    close: bool = False
    """Whether the connection ends after this."""
    sent: int = 0
    """Bytes of the body that went out, for the access log."""


def text(status: int, words: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A short text for people; clients never parse it."""
    found = {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}
    return Answer(status, f"{words}\n".encode() if words else b"", found)


def send(wire: ServerWire, answer: Answer, *, head_only: bool, keep_alive: bool, old: bool) -> bool:
    """Send an answer; whether the connection may go on. Raises ``Disconnected``."""
    keep = keep_alive and not answer.close
    chunked = answer.pieces is not None and not old
    if answer.pieces is not None:
        length: int | None = None
        keep = keep and chunked
    elif answer.reader is not None:
        length = answer.reader.size
    else:
        length = len(answer.body) if answer.size is None else answer.size
    words = f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, 'Unknown')}\r\nDate: {http_date()}\r\n"
    for name, value in answer.headers.items():
        words += f"{name}: {value}\r\n"
    if length is not None and answer.status != 304:  # a 304 has no body, and its length would be the object's
        words += f"Content-Length: {length}\r\n"
    elif chunked:
        words += "Transfer-Encoding: chunked\r\n"
    words += "\r\n" if keep else "Connection: close\r\n\r\n"
    head = words.encode("latin-1")
    try:
        if head_only:
            wire.send(head)
        elif answer.reader is not None:
            _send_reader(wire, head, answer, answer.reader)
        elif answer.pieces is not None:
            _send_pieces(wire, head, answer, iter(answer.pieces), chunked=chunked)
        else:
            wire.send(head + answer.body)
            answer.sent = len(answer.body)
    except (OSError, StrongroomError):
        raise Disconnected from None  # a list that breaks off must not look complete
    return keep


def _send_reader(wire: ServerWire, head: bytes, answer: Answer, reader: Reader) -> None:
    left = reader.size
    if left <= 64 * 1024:
        data = reader.read()
        wire.send(head + data)
        answer.sent = len(data)
        return
    descriptor = reader.fileno()
    if descriptor is None or not wire.is_plain:
        wire.send(head)
        while data := reader.read(BLOCK):
            wire.send(data)
            answer.sent += len(data)
        return
    wire.send(head, more=True)
    while left:
        count = wire.send_file(descriptor, left)
        if count == 0:
            raise Disconnected  # the file became shorter: the length that was promised cannot be kept
        left -= count
        answer.sent += count


def _send_pieces(wire: ServerWire, head: bytes, answer: Answer, pieces: Iterator[bytes], *, chunked: bool) -> None:
    waiting = bytearray(head)
    for piece in pieces:
        if not piece:
            continue
        answer.sent += len(piece)
        waiting += b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
        if len(waiting) >= 64 * 1024:
            wire.send(waiting)
            waiting.clear()
    wire.send(bytes(waiting) + (b"0\r\n\r\n" if chunked else b""))


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_date: tuple[int, str] = (0, "")


def http_date() -> str:
    """The time as HTTP writes it, made once a second."""
    global _date  # noqa: PLW0603 - one tuple is replaced as a whole, which threads may do
    now = SYSTEM.now_ns() // 10**9
    if _date[0] != now:
        t = time.gmtime(now)
        words = f"{_DAYS[t.tm_wday]}, {t.tm_mday:02d} {_MONTHS[t.tm_mon - 1]} {t.tm_year}"
        _date = (now, f"{words} {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT")
    return _date[1]
