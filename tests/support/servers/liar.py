"""A proxy before an S3 server that signs anew what it passes on: one that lies, or one that goes wrong on command.

The liar drops conditions and checksums. The honest one keeps them; ``faults`` holds what happens to the next uploads:
a status with an error code instead of passing the upload on, or ``lost`` when it is passed on and the answer is not.
What a gateway keeps for itself (``.strongroom/``) is passed on at all times and is not counted: it comes when it will.
With ``hold before`` or ``hold after`` the upload stops before or after it is passed on, ``holding`` is set, and nothing
more is heard of it until ``release`` is set. ``away`` is how all requests fare: ``silent`` are those that wait until it
is something else, ``gone`` those that find their connection closed. While ``swallows`` is set uploads are answered
with 200, and nothing is kept of them: of ``objects``, or of ``all``, the gateway's own files too.
"""

from __future__ import annotations

import datetime
import hashlib
import http.client
import http.server
import threading
from typing import TYPE_CHECKING

from strongroom.storage.s3.sign import Credentials, signed
from tests.support.waiting import PATIENCE, until

if TYPE_CHECKING:
    from tests.support.servers.minio import Minio

_SIGNATURE = {"authorization", "x-amz-date", "host", "x-amz-content-sha256"}
_DROPPED = {"if-none-match", "x-amz-checksum-sha256"}
_KEPT = ("x-amz-", "content-", "range", "if-none-match")


class Liar:
    """Listens on a loopback port. Use as a context manager."""

    def __init__(self, minio: Minio, *, honest: bool = False) -> None:
        self.minio = minio
        self.honest = honest
        self.faults: list[str] = []
        self.away = ""
        self.swallows = ""
        self.requests: list[str] = []
        self.asked: list[tuple[str, str]] = []
        """The same with their paths."""
        self.deletions = 0
        self.holding = threading.Event()
        self.release = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def endpoint(self) -> str:
        """The proxy's address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Liar:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.release.set()
        self.away = ""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _pass_on(self) -> None:
        owner: Liar = self.server.owner  # type: ignore[attr-defined]
        minio = owner.minio
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        until(lambda: owner.away != "silent")
        if owner.away == "gone":
            self.close_connection = True
            return
        own = "/.strongroom/" in self.path.partition("?")[0]
        if not own:
            owner.requests.append(self.command)
            owner.asked.append((self.command, self.path))
        owner.deletions += self.command == "DELETE"
        fault = owner.faults.pop(0) if self.command == "PUT" and owner.faults and not own else ""
        if self.command == "PUT" and owner.swallows and (owner.swallows == "all" or not own):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault == "hold before":
            self._hold()
            return
        if fault and fault not in ("lost", "hold after"):
            self._refuse(*fault.split(" ", 1))
            return
        dropped = _SIGNATURE if owner.honest else _SIGNATURE | _DROPPED
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in dropped and name.lower().startswith(_KEPT)
        }
        headers |= {"Host": f"127.0.0.1:{minio.port}", "x-amz-content-sha256": hashlib.sha256(body).hexdigest()}
        credentials = Credentials(minio.environment["AWS_ACCESS_KEY_ID"], minio.environment["AWS_SECRET_ACCESS_KEY"])
        now = datetime.datetime.now(datetime.UTC)
        headers = signed(self.command, self.path, headers, credentials, "us-east-1", now)
        connection = http.client.HTTPConnection("127.0.0.1", minio.port, timeout=PATIENCE)
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        if fault == "hold after":
            self._hold()
        if fault in ("lost", "hold after"):
            connection.close()
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "connection", "transfer-encoding", "date", "server"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    def _hold(self) -> None:
        owner: Liar = self.server.owner  # type: ignore[attr-defined]
        self.close_connection = True
        owner.holding.set()
        owner.release.wait(PATIENCE)

    def _refuse(self, status: str, code: str) -> None:
        text = f"<Error><Code>{code}</Code><Message>as told</Message></Error>".encode()
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on
