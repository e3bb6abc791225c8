"""What the trial of properties asks, as an ASGI application. Imports nothing of ours, like ``asgi_app.py``.

``/show`` answers with the path as the server gave it, ``/take`` with the length of the body, ``/wait`` with the same
after it has read nothing for a while, ``/refuse`` with 413 before it has read anything.
"""

from __future__ import annotations

import asyncio
from typing import Any

WAIT = 4.0


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """See above."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    path, status, words = scope["path"], 200, ""
    if path == "/refuse":
        status = 413
    elif path in ("/take", "/wait"):
        if path == "/wait":
            await asyncio.sleep(WAIT)
        count, more = 0, True
        while more:
            message = await receive()
            if message["type"] != "http.request":
                return
            count += len(message.get("body", b""))
            more = message.get("more_body", False)
        words = str(count)
    else:
        extensions = sorted(scope.get("extensions") or {})
        words = repr({"path": path, "raw": scope.get("raw_path"), "extensions": extensions})
    body = words.encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
