"""A request's head: the raw target and the headers, parsed strictly, so that no proxy reads it otherwise than we."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_HEAD = 16 * 1024
MAX_HEADERS = 64
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")
_ABSOLUTE = re.compile(rb"(?i:https?)://[0-9A-Za-z._~%!$&'()*+,;=\[\]:-]+((?:[/?].*)?)\Z")
_FIRST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) ([^ ]*)\Z")
_HOST = re.compile(r"[0-9A-Za-z._~%!$&'()*+,;=\[\]:-]*\Z")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)\Z")
_SINGLE = {"content-length", "transfer-encoding", "host", "authorization", "range", "content-type"}


class BadRequest(Exception):
    """The request cannot be answered otherwise than with this status, and the connection closes after it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def number(text: str, most: int) -> int | None:
    """A whole number as a client writes it, in plain digits and no other way; None for anything else or more."""
    if len(text) > 18 or _NUMBER.match(text) is None:
        return None  # ``int`` takes signs, blanks, underlines and the digits of every script
    found = int(text)
    return found if found <= most else None


def check_field(line: bytes) -> tuple[str, str]:
    """Name in lower case and value of a header's line. Raises ``BadRequest``."""
    name, colon, value = line.partition(b":")
    if not colon or _TOKEN.match(name) is None or _VALUE.match(value) is None:
        raise BadRequest(400, "not a header")
    return name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")


@dataclass(slots=True)
class Request:
    """A request as it came. ``target`` is raw: nothing was decoded or tidied."""

    method: str
    target: str
    headers: dict[str, str]
    """By lower-case name; of those that may come twice, the values joined by commas. Not to be changed."""
    keep_alive: bool
    length: int | None
    """Of the body in bytes; None when it is chunked."""
    peer: str = ""
    """The address of whoever is at the other end of the connection; empty on a unix socket."""
    secure: bool = False
    old: bool = False
    """HTTP/1.0: it knows no chunks."""
    admit: Callable[[str], bool] | None = None
    """Tells the server that this principal was let in; whether it may have one more connection."""
    user: str = ""
    """Who it says it is from, for the access log; set by whoever answers it."""
    path: str = field(init=False)
    query: str = field(init=False)

    def __post_init__(self) -> None:
        self.path, _, self.query = self.target.partition("?")


@dataclass(frozen=True, slots=True)
class _Headers:
    """What the lines after the first say. Requests share it, so nobody changes it."""

    values: dict[str, str]
    keep_alive: bool
    length: int | None
    old: bool


class Heads:
    """Parses the heads of one connection.

    A client sends most of its requests with the same headers: those that are, byte for byte, the ones before them are
    not taken apart again.
    """

    def __init__(self) -> None:
        self._known: tuple[bytes, bytes, _Headers] | None = None

    def parse(self, head: bytes) -> Request:
        """The request in the bytes before the empty line. Raises ``BadRequest``."""
        first, _, lines = head.partition(b"\r\n")
        match = _FIRST.match(first)
        if match is None:
            raise BadRequest(400, "not a request line")
        method, target, version = match.groups()
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise BadRequest(505, "HTTP/1.1 is spoken here")
        if not target.startswith(b"/"):
            target = _origin_form(target)
        known = self._known
        if known is not None and known[0] == lines and known[1] == version:
            headers = known[2]
        else:
            headers = _parse_headers(lines, version)
            self._known = (lines, version, headers)
        return Request(
            method.decode("ascii"),
            target.decode("ascii"),
            headers.values,
            headers.keep_alive,
            headers.length,
            old=headers.old,
        )


def _parse_headers(text: bytes, version: bytes) -> _Headers:
    lines = text.split(b"\r\n") if text else []
    if len(lines) > MAX_HEADERS:
        raise BadRequest(431, "too many headers")
    headers: dict[str, str] = {}
    for line in lines:
        key, words = check_field(line)
        if key in headers:
            if key in _SINGLE:
                raise BadRequest(400, f"{key} came twice")
            words = f"{headers[key]}, {words}"
        headers[key] = words
    host = headers.get("host", "" if version == b"HTTP/1.0" else None)
    if host is None or _HOST.match(host) is None:
        raise BadRequest(400, "no host is named" if host is None else "not a host")
    connection = headers.get("connection", "").lower()
    alive = "keep-alive" in connection if version == b"HTTP/1.0" else "close" not in connection
    return _Headers(headers, alive, _length(headers, version), version == b"HTTP/1.0")


def _origin_form(target: bytes) -> bytes:
    """``http://host/path`` as a proxy's client may send it, reduced to its path."""
    match = _ABSOLUTE.match(target)
    if match is None:
        raise BadRequest(400, "not a path")
    rest: bytes = match[1]
    return rest if rest.startswith(b"/") else b"/" + rest


def _length(headers: dict[str, str], version: bytes) -> int | None:
    coding, text = headers.get("transfer-encoding"), headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or text is not None or version == b"HTTP/1.0":
            raise BadRequest(400, "the body's length is ambiguous")
        return None
    if text is None:
        return 0
    length = number(text, 10**18)
    if length is None:
        raise BadRequest(400, "not a length")
    return length
