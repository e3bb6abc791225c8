"""The address of a repository on a REST server, as restic writes it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from strongroom.base.errors import UsageError
from strongroom.base.record import field, record, replace
from strongroom.base.redact import redact
from strongroom.storage.http.endpoint import Endpoint

if TYPE_CHECKING:
    from strongroom.storage.options import StoreOptions

_UNIX = re.compile(r"http\+unix://(?P<socket>/[^:]+)(?::(?P<path>/.*))?\Z")
_SAFE = "/%:@!$&'()*+,;=~-._"


@record
class RestAddress:
    """Where a repository is. ``path`` begins and ends with a slash and is percent-encoded."""

    tls: bool
    host: str
    port: int
    socket: str | None
    path: str
    username: str
    password: str = field(repr=False)

    @property
    def location(self) -> str:
        """The URL without credentials."""
        if self.socket is not None:
            return f"rest:http+unix://{self.socket}:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == (443 if self.tls else 80) else f":{self.port}"
        return f"rest:{'https' if self.tls else 'http'}://{host}{port}{self.path}"

    @property
    def place(self) -> object:
        """Equal for all spellings of one place: those of the path, of the host's letters, of the port."""
        parts = [part for part in unquote(self.path).split("/") if part]
        socket = os.path.realpath(self.socket) if self.socket is not None else None
        return self.tls, self.host.lower().rstrip("."), self.port, socket, tuple(parts)

    @property
    def endpoint(self) -> Endpoint:
        """The server."""
        return Endpoint(self.tls, self.host, self.port, self.socket, self.location)

    def below(self, name: str) -> RestAddress:
        """The address of a repository in a folder below."""
        return replace(self, path=f"{self.path}{quote(name)}/")


def parse(url: str, options: StoreOptions) -> RestAddress:
    """What stands after ``rest:``. Credentials come from the URL, else from the environment.

    ``STRONGROOM_REST_USERNAME`` and ``_PASSWORD``, or restic's names; only when the URL has neither, as with restic.
    Raises ``UsageError``.
    """
    username = options.variable("REST_USERNAME") or ""
    password = options.variable("REST_PASSWORD") or ""
    unix = _UNIX.match(url)
    if unix is not None:
        return RestAddress(False, "localhost", 80, unix["socket"], _folder(unix["path"] or "/"), username, password)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError as error:
        raise _unreadable(url, "the address of the server makes no sense") from error
    if parts.scheme not in {"http", "https"} or not host:
        raise _unreadable(url, "this is no address of a REST server")
    if parts.query or parts.fragment:
        raise _unreadable(url, "a REST address has neither ? nor #")
    if parts.username is not None or parts.password is not None:
        username, password = _unquoted(parts.username), _unquoted(parts.password)
    tls = parts.scheme == "https"
    return RestAddress(tls, host, port or (443 if tls else 80), None, _folder(parts.path), username, password)


def _unquoted(text: str | None) -> str:
    """Bytes that are not UTF-8 stay what they are, as ``os.fsdecode`` has them."""
    return unquote(text or "", errors="surrogateescape")


def _folder(path: str) -> str:
    path = quote(path, safe=_SAFE, errors="surrogateescape")
    return path if path.endswith("/") else f"{path}/"


def _unreadable(url: str, what: str) -> UsageError:
    return UsageError(
        what,
        subject=redact(f"rest:{url}"),
        hint="Write rest:http://HOST:8000/PATH/, rest:https://… or rest:http+unix:///SOCKET:/PATH/. "
        "A password with / @ : ? or # in it is written with percent signs, or given as RESTIC_REST_PASSWORD.",
    )
