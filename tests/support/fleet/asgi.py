"""Asking a web application without a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message


@dataclass
class AppReply:
    """An answer: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(
    app: ASGIApp,
    path: str,
    body: bytes = b"",
    method: str = "POST",
    address: str = "192.0.2.7",
    headers: dict[str, str] | None = None,
    *,
    goes_away: bool = False,
) -> AppReply:
    """One request from an address, and the answer. A client that ``goes_away`` does so before its body is whole."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": (address, 40000),
        "server": ("fleet", 8040),
    }
    sent: list[Message] = []
    pieces: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": goes_away}])

    async def receive() -> Message:
        return next(pieces, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(_call(app, scope, receive, send))
    start = next(one for one in sent if one["type"] == "http.response.start")
    data = b"".join(one.get("body", b"") for one in sent if one["type"] == "http.response.body")
    return AppReply(start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, data)


async def _call(app: ASGIApp, scope: Any, receive: Any, send: Any) -> None:
    await app(scope, receive, send)
