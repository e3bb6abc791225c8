"""A request's head: the raw target and the headers, parsed strictly, so that no proxy reads it otherwise than we."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_HEAD = 16 * 1024
MAX_HEADERS = 64
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
_TARGET = re.compile(rb"[\x21-\x7e]+\Z")
_SINGLE = {"content-length", "transfer-encoding", "host", "authorization", "range", "content-type"}


class BadRequest(Exception):
    """The request cannot be answered otherwise than with this status, and the connection closes after it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class Request:
    """A request as it came. ``target`` is raw: nothing was decoded or tidied."""

    method: str
    target: str
    headers: dict[str, str]
    """By lower-case name; of those that may come twice, the values joined by commas."""
    keep_alive: bool
    length: int | None
    """Of the body in bytes; None when it is chunked."""
    peer: str = ""
    """The address of whoever is at the other end of the connection; empty on a unix socket."""
    secure: bool = False
    old: bool = False
    """HTTP/1.0: it knows no chunks."""
    path: str = field(init=False)
    query: str = field(init=False)

    def __post_init__(self) -> None:
        self.path, _, self.query = self.target.partition("?")


def parse_head(head: bytes) -> Request:
    """The request in the bytes before the empty line. Raises ``BadRequest``."""
    first, *lines = head.split(b"\r\n")
    parts = first.split(b" ")
    if len(parts) != 3 or _TOKEN.match(parts[0]) is None or _TARGET.match(parts[1]) is None:
        raise BadRequest(400, "not a request line")
    method, target, version = parts
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise BadRequest(505, "HTTP/1.1 is spoken here")
    if not target.startswith(b"/"):
        target = _origin_form(target)
    if len(lines) > MAX_HEADERS:
        raise BadRequest(431, "too many headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _TOKEN.match(name) is None or _VALUE.match(value) is None:
            raise BadRequest(400, "not a header")
        key, text = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
        if key in headers:
            if key in _SINGLE:
                raise BadRequest(400, f"{key} came twice")
            text = f"{headers[key]}, {text}"
        headers[key] = text
    connection = headers.get("connection", "").lower()
    alive = "keep-alive" in connection if version == b"HTTP/1.0" else "close" not in connection
    old = version == b"HTTP/1.0"
    return Request(method.decode("ascii"), target.decode("ascii"), headers, alive, _length(headers, version), old=old)


def _origin_form(target: bytes) -> bytes:
    """``http://host/path`` as a proxy's client may send it, reduced to its path."""
    for scheme in (b"http://", b"https://"):
        if target.lower().startswith(scheme):
            _, slash, path = target[len(scheme) :].partition(b"/")
            return slash + path or b"/"
    raise BadRequest(400, "not a path")


def _length(headers: dict[str, str], version: bytes) -> int | None:
    coding, text = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or text is not None or version == b"HTTP/1.0":
            raise BadRequest(400, "the body's length is ambiguous")
        return None
    if text is None:
        return 0
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise BadRequest(400, "not a length")
    return int(text)
