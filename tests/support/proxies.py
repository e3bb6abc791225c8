"""Proxies as users have them: HTTP with CONNECT, and SOCKS5. Whatever host is asked for, they reach one server."""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.support.waiting import PATIENCE


class Proxy:
    """A proxy on a loopback port, with a user and a password where wanted. Use as a context manager."""

    def __init__(
        self,
        kind: str,
        behind: int,
        credentials: tuple[str, str] | None = None,
        certificate: Callable[[ssl.SSLContext], None] | None = None,
    ) -> None:
        self.kind = kind
        self.behind = behind
        self.credentials = credentials
        self.asked: list[str] = []
        """The hosts and ports that were asked for."""
        handler = _Socks if kind.startswith("socks") else _Http
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.owner = self
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate(context)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """What the environment says."""
        user = f"{self.credentials[0]}:{self.credentials[1]}@" if self.credentials else ""
        return f"{self.kind}://{user}127.0.0.1:{self._server.server_address[1]}"

    def reach(self) -> socket.socket:
        """A connection to the server behind."""
        return socket.create_connection(("127.0.0.1", self.behind), timeout=PATIENCE)

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    owner: Proxy

    def handle_error(self, *_: object) -> None:
        """Clients that hang up are no news."""


def _relay(one: socket.socket, other: socket.socket) -> None:
    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(end, socket.SHUT_RDWR)

    back = threading.Thread(target=pass_on, args=(other, one), daemon=True)
    back.start()
    pass_on(one, other)
    back.join()


class _Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _admitted(self) -> bool:
        wanted = self.server.owner.credentials
        if wanted is None:
            return True
        given = self.headers.get("Proxy-Authorization", "")
        if given == "Basic " + base64.b64encode(":".join(wanted).encode()).decode():
            return True
        self.close_connection = True
        self.send_response(407, "Proxy Authentication Required")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def do_CONNECT(self) -> None:
        owner = self.server.owner
        owner.asked.append(self.path)
        self.close_connection = True
        if self._admitted():
            with owner.reach() as behind:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _relay(self.connection, behind)

    def _forward(self) -> None:
        owner = self.server.owner
        parts = urlsplit(self.path)
        owner.asked.append(parts.netloc)
        if not self._admitted():
            return
        assert "Proxy-Authorization" not in self.headers or owner.credentials
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        behind = http.client.HTTPConnection("127.0.0.1", owner.behind, timeout=PATIENCE)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        behind.request(self.command, path, body or None, headers)
        answer = behind.getresponse()
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "content-length"}:
                self.send_header(name, value)
        length = answer.getheader("Content-Length") or "0" if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(content)
        behind.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _forward


class _Socks(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        owner = self.server.owner
        _, count = self.rfile.read(2)
        offered = self.rfile.read(count)
        method = 2 if owner.credentials else 0
        if method not in offered:
            self.wfile.write(b"\x05\xff")
            return
        self.wfile.write(bytes([5, method]))
        if owner.credentials:
            self.rfile.read(1)
            user, password = (self.rfile.read(self.rfile.read(1)[0]).decode() for _ in range(2))
            good = (user, password) == owner.credentials
            self.wfile.write(b"\x01" + bytes([not good]))
            if not good:
                return
        _, _, _, kind = self.rfile.read(4)
        length = {1: 4, 4: 16}.get(kind) or self.rfile.read(1)[0]
        host = self.rfile.read(length)
        port = int.from_bytes(self.rfile.read(2), "big")
        owner.asked.append(f"{host.decode() if kind == 3 else host.hex()}:{port}")
        with owner.reach() as behind:
            self.wfile.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            _relay(self.connection, behind)
