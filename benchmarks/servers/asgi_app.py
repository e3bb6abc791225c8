"""The data path of an upload and a download as an ASGI application, for granian, uvicorn and hypercorn.

Imports nothing of ours, so that it runs in an environment that has only the server.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from typing import Any

ROOT = os.environ.get("TRIAL_ROOT", "/tmp/trial")


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """POST hashes, writes, syncs and links; GET sends the file in pieces."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    loop = asyncio.get_running_loop()
    path = os.path.join(ROOT, os.path.basename(scope["path"]))
    if scope["method"] == "GET":
        size = os.stat(path).st_size
        headers = [(b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        with open(path, "rb") as file:
            while data := await loop.run_in_executor(None, file.read, 256 * 1024):
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    temporary = f"{path}.{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    digest = hashlib.sha256()
    waiting: list[bytes] = []
    count = 0

    def store() -> None:
        for part in waiting:
            digest.update(part)
            os.write(descriptor, part)
        waiting.clear()

    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        waiting.append(message.get("body", b""))
        count += len(waiting[-1])
        if count > 256 * 1024:
            count = 0
            await loop.run_in_executor(None, store)

    def finish() -> None:
        store()
        os.fsync(descriptor)
        os.close(descriptor)
        os.link(temporary, path)
        os.unlink(temporary)
        folder = os.open(ROOT, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    await loop.run_in_executor(None, finish)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
