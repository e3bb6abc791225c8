"""The same data path behind the gateway's own server."""

from __future__ import annotations

import hashlib
import os
import secrets
import signal
import sys
from typing import TYPE_CHECKING

from strongroom.gateway.http.answer import Answer
from strongroom.gateway.http.buffers import buffer
from strongroom.gateway.http.listeners import open_listeners
from strongroom.gateway.http.server import Server

if TYPE_CHECKING:
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request

ROOT = os.environ.get("TRIAL_ROOT", "/tmp/trial")


class File:
    """A whole file as a reader."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)
        self.size = os.fstat(self._descriptor).st_size

    def read(self, limit: int = -1) -> bytes:
        return os.read(self._descriptor, self.size if limit < 0 else limit)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


class Trial:
    """POST hashes, writes, syncs and links; GET sends the file."""

    def handle(self, request: Request, body: Body) -> Answer:
        path = os.path.join(ROOT, os.path.basename(request.path))
        if request.method == "GET":
            return Answer(200, reader=File(path))  # type: ignore[arg-type]
        temporary = f"{path}.{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        view, digest = buffer(), hashlib.sha256()
        while count := body.readinto(view):
            digest.update(view[:count])
            os.write(descriptor, view[:count])
        os.fsync(descriptor)
        os.close(descriptor)
        os.link(temporary, path)
        os.unlink(temporary)
        folder = os.open(ROOT, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return Answer(200)

    def done(self, request: Request | None, answer: Answer, seconds: float, peer: str) -> None:
        """No access log, as in the others."""


def main() -> None:
    """Two workers, as the others are given."""
    listeners = open_listeners([f"127.0.0.1:{sys.argv[1]}"])
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            Server(listeners, Trial()).accept()
        children.append(child)

    def end(_number: int, _frame: object) -> None:
        for child in children:
            os.kill(child, signal.SIGKILL)

    signal.signal(signal.SIGTERM, end)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
