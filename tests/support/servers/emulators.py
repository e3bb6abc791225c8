"""Google's and Azure's object storage as emulators on loopback ports, each started once a session.

fake-gcs-server takes uploads through Google's JSON interface alone, while obstore uses the XML one; the few lines of
``_Translator`` stand between them, conditions included.
"""

from __future__ import annotations

import base64
import email.utils
import functools
import hashlib
import hmac
import http.client
import http.server
import json
import os
import subprocess
import threading
from urllib.parse import quote, unquote

from tests.support import peers, session
from tests.support.servers.ports import free_port
from tests.support.waiting import PATIENCE, until

ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key that every Azurite has; it protects nothing."""


def _start(command: list[str], port: int) -> None:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/tmp")
    session.at_end(process.wait)
    session.at_end(process.kill)  # all that it has is in memory

    def answers() -> bool:
        assert process.poll() is None, f"{command[0]} did not start"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.connect()
        except OSError:
            return False
        connection.close()
        return True

    until(answers, pause=0.1)


def _request(port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status in {200, 201}, text


@functools.cache
def azure() -> str:
    """An Azurite with a container named plain; its endpoint."""
    port = free_port()
    program = str(peers.require("azurite-blob"))
    _start(
        [program, "--silent", "--skipApiVersionCheck", "--inMemoryPersistence", "--disableTelemetry",
         "--blobHost", "127.0.0.1", "--blobPort", str(port)],
        port,
    )  # fmt: skip
    date = email.utils.formatdate(usegmt=True)
    text = f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-08-06\n/{ACCOUNT}/{ACCOUNT}/plain\nrestype:container"
    key = base64.b64decode(ACCOUNT_KEY)
    signature = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    headers = {
        "x-ms-date": date, "x-ms-version": "2021-08-06", "Authorization": f"SharedKey {ACCOUNT}:{signature}"
    }  # fmt: skip
    _request(port, "PUT", f"/{ACCOUNT}/plain?restype=container", headers=headers)
    return f"http://127.0.0.1:{port}/{ACCOUNT}"


@functools.cache
def google() -> str:
    """A fake-gcs-server with a bucket named plain; the endpoint for obstore."""
    port = free_port()
    translator = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Translator)
    translator.daemon_threads = True
    translator.behind = port  # type: ignore[attr-defined]
    public = f"127.0.0.1:{translator.server_address[1]}"
    program = str(peers.require("fake-gcs-server"))
    _start(
        [program, "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port),
         "-public-host", public],
        port,
    )  # fmt: skip
    threading.Thread(target=translator.serve_forever, args=(0.1,), daemon=True).start()
    body = json.dumps({"name": "plain"}).encode()
    _request(port, "POST", "/storage/v1/b?project=p", body, {"Content-Type": "application/json"})
    return f"http://{public}"


class _Translator(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def _translate(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        method, path, headers = self.command, self.path, dict(self.headers.items())
        if method == "PUT":
            _, bucket, key = path.split("/", 2)
            condition = headers.get("x-goog-if-generation-match")
            method = "POST"
            path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(unquote(key), safe='')}"
            path += f"&ifGenerationMatch={condition}" if condition is not None else ""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=PATIENCE)  # type: ignore[attr-defined]
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "connection", "transfer-encoding", "date"}:
                self.send_header(name, value)
        if self.command == "PUT" and answer.status == 200:
            found = json.loads(data)
            self.send_header("ETag", found.get("etag", "none"))
            self.send_header("x-goog-generation", found.get("generation", "1"))
            data = b""
        length = answer.getheader("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _translate


def azure_environment() -> dict[str, str]:
    """Credentials for the emulator, by restic's names."""
    return {"AZURE_ACCOUNT_NAME": ACCOUNT, "AZURE_ACCOUNT_KEY": ACCOUNT_KEY, "PATH": os.environ["PATH"]}
