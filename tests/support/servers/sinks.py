"""Servers that keep what they are sent: mail, and whatever is posted."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

from tests.support.servers.ports import reserve
from tests.support.waiting import PATIENCE


class MailSink:
    """A real SMTP server that keeps what it is sent."""

    def __init__(self) -> None:
        self.subjects: list[str] = []
        self.bodies: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        """aiosmtpd's hook."""
        mail = message_from_bytes(envelope.content)
        self.subjects.append(str(make_header(decode_header(mail["Subject"]))))
        self.bodies.append(str(mail.get_payload()))
        return "250 kept"


@dataclass
class WebSink:
    """A web server that keeps what is posted to it, and answers as it is told."""

    url: str = ""
    status: int = 200
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    """What was asked for with each, the query too."""
    asked: list[str] = field(default_factory=list)
    """What was asked for by GET."""


@contextlib.contextmanager
def mail_sink(**options: Any) -> Iterator[tuple[MailSink, str]]:
    """A sink, and where it is. ``options``: aiosmtpd's, such as contexts for TLS."""
    sink = MailSink()
    with reserve() as keeper:
        port = keeper.getsockname()[1]
        controller = Controller(sink, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE, **options)
        controller.start()
        try:
            yield sink, f"127.0.0.1:{port}"
        finally:
            controller.stop()


@contextlib.contextmanager
def web_sink() -> Iterator[WebSink]:
    """A sink that listens."""
    sink = WebSink()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sink.asked.append(self.path)
            self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.paths.append(self.path)
            sink.posted.append(({key.lower(): value for key, value in self.headers.items()}, body))
            self._answer()

        def _answer(self) -> None:
            self.send_response(sink.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.url = f"http://127.0.0.1:{server.server_address[1]}/x"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()
