"""Requests to one repository on a REST server."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from strongroom.storage.http.client import ClientAnswer, Headers, HttpClient
from strongroom.storage.rest.answers import failure

if TYPE_CHECKING:
    import http.client

    from strongroom.base.errors import StrongroomError
    from strongroom.base.objects import ObjectName
    from strongroom.storage.options import StoreOptions
    from strongroom.storage.rest.url import RestAddress


class RestClient(HttpClient):
    """Sends requests below one address, with basic authentication from the first one on."""

    def __init__(self, address: RestAddress, options: StoreOptions) -> None:
        super().__init__(address.endpoint, options)
        self.address = address
        self._on_promise = options.on_promise
        self._headers: Headers = {"User-Agent": options.user_agent or "strongroom", **self.pool.headers}
        if address.username or address.password:
            pair = f"{address.username}:{address.password}".encode("utf-8", "surrogateescape")
            credentials = base64.b64encode(pair).decode()
            self._headers["Authorization"] = f"Basic {credentials}"

    def subject(self, path: str) -> str:
        """The URL without credentials."""
        return f"{self.address.location}{path}"

    def begin(self, connection: http.client.HTTPConnection, method: str, path: str, headers: Headers) -> None:
        """As the base says."""
        target = self.pool.target(self.address.path + path)
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (self._headers | headers).items():
            connection.putheader(name, value)

    def fault(self, answer: ClientAnswer, path: str, *, upload: bool = False) -> StrongroomError:
        """As the base says."""
        retry_after, location = answer.header("Retry-After"), answer.header("Location")
        return failure(
            answer.status, self.subject(path), answer.text(), retry_after=retry_after, upload=upload, location=location
        )

    def accepted(self, name: ObjectName, answer: ClientAnswer) -> None:
        """Hand a gateway's signed promise to whoever keeps them."""
        promise = answer.header("Strongroom-Receipt")
        if promise and self._on_promise is not None:
            self._on_promise(name, promise)

    def upload_head(self, _name: ObjectName, size: int, _digest: bytes | None) -> tuple[str, Headers]:
        """As the base says; clients use POST alone, with a length always."""
        return "POST", {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
