"""Small files of ours behind a network: passing faults pass, and no file of ours is taken for another's."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from tests.conformance.conftest import gateway_address
from tests.support.clock import ManualClock
from tests.support.servers.minio import running
from tests.support.waiting import PATIENCE

from strongroom.base import errors
from strongroom.storage.contract import Store
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.own.contract import OwnFiles
from strongroom.storage.repository_files import files_beside

FAULTS = ("503", "reset", "lost", "cut")
PATH = "custody/rounds/0000000001"


class Relay(http.server.ThreadingHTTPServer):
    """Hands requests on to a server as they are. ``faults`` is what happens to the next ones: 503 or a reset instead;
    passed on with the answer ``lost``, or ``cut`` within its head."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = behind
        self.faults: list[str] = []
        self.clock = ManualClock(time.time_ns())


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Relay

    def log_message(self, *_: object) -> None:
        pass

    def _hand_on(self) -> None:
        self.close_connection = True
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.faults.pop(0) if self.server.faults else ""
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if fault == "503":
            self.wfile.write(b"HTTP/1.1 503 Slow down\r\nContent-Length: 0\r\n\r\n")
            return
        connection = http.client.HTTPConnection(self.server.behind, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            data = answer.read()
        if fault == "lost":
            return
        if fault == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            return
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in _HOP]
        head = "".join(f"{name}: {value}\r\n" for name, value in [*kept, ("Content-Length", len(data))])
        self.wfile.write(f"HTTP/1.1 {answer.status} as told\r\n{head}\r\n".encode() + data)

    do_GET = do_PUT = do_HEAD = do_POST = _hand_on


_HOP = {"content-length", "connection", "transfer-encoding"}


@contextlib.contextmanager
def relay(behind: str) -> Iterator[Relay]:
    """A relay that runs."""
    with Relay(behind) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def at_a_gateway(relay: Relay, options: Callable[..., StoreOptions]) -> Store:
    """A repository of its own."""
    return open_store(f"rest:http://127.0.0.1:{relay.server_address[1]}/{secrets.token_hex(8)}/", options())


def in_a_bucket(relay: Relay, options: Callable[..., StoreOptions]) -> Store:
    """A prefix of its own."""
    place = f"s3:http://127.0.0.1:{relay.server_address[1]}/plain/{secrets.token_hex(8)}"
    return open_store(place, options(environment=running().environment))


@pytest.fixture(params=[at_a_gateway, in_a_bucket])
def behind(request: pytest.FixtureRequest) -> Iterator[tuple[Relay, Callable[[], OwnFiles]]]:
    """A relay before a real gateway or MinIO, and how the files behind it are opened. No wait takes time."""
    real = gateway_address() if request.param is at_a_gateway else urlsplit(running().endpoint).netloc
    with (
        relay(real) as server,
        request.param(server, lambda **more: StoreOptions(clock=server.clock, **more)) as store,
    ):
        store.prepare()
        yield server, lambda: files_beside(store)


@pytest.mark.parametrize("fault", FAULTS)
def test_passing_faults_pass(behind: tuple[Relay, Callable[[], OwnFiles]], fault: str) -> None:
    """Whatever is asked is asked again; what was kept although the answer was lost is ours."""
    relay, opened = behind
    relay.faults = [fault, fault]
    files = opened()
    files.names("custody/rounds")
    for act, right in (
        (lambda: files.write_once(PATH, b"ours"), None),
        (lambda: files.write_once(PATH, b"ours"), None),
        (lambda: files.read(PATH), b"ours"),
        (lambda: files.folders("custody"), ["rounds"]),
        (lambda: opened().names("custody/rounds"), [PATH.rpartition("/")[2]]),
    ):
        relay.faults = [fault, fault]
        assert act() == right
        assert relay.faults == []
    relay.faults = [fault]
    with pytest.raises(errors.Exists):
        files.write_once(PATH, b"another's")
    assert files.read(PATH) == b"ours"


def test_a_place_that_stays_away_is_given_up_after_a_minute(behind: tuple[Relay, Callable[[], OwnFiles]]) -> None:
    """Other repositories wait meanwhile."""
    relay, opened = behind
    files = opened()
    files.names("custody/rounds")
    began = relay.clock.monotonic()
    relay.faults = ["503"] * 1000
    with pytest.raises(errors.Unavailable):
        files.write_once(PATH, b"ours")
    assert 59 < relay.clock.monotonic() - began < 61
