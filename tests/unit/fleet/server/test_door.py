"""M-5: what one address or one slow channel does keeps nobody else waiting."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from strongroom.fleet.server.channels import delivering
from strongroom.fleet.server.channels.delivering import Deliverer, add_channel, channel_of, prove_channel
from strongroom.fleet.server.door import listening
from strongroom.fleet.server.schemas import alerting as schema
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield f"127.0.0.1:{found.getsockname()[1]}"


@pytest.fixture
def phone() -> Iterator[tuple[str, list[str]]]:
    """Where ntfy is, and the titles that it was sent."""
    titles: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            titles.append(self.headers["Title"])
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/x", titles
    server.shutdown()
    thread.join(PATIENCE)
    server.server_close()


def prove(server: ServerInProcess, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a channel carry without its test message."""
    monkeypatch.setattr(delivering, "_hash", lambda *_: "x")
    table = schema.channel
    with server.state.database.write() as connection:
        connection.execute(table.update().where(table.c.name == name).values(code_sha256="x"))
    prove_channel(server.state, name, "")


def test_a_channel_that_hangs_delays_no_other(
    server: ServerInProcess, silent: str, phone: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-5: the mail server says nothing; the phone hears of it meanwhile, and later that the mail fails, too."""
    settings = {"server": silent, "from": "fleet@example.org", "to": "ops@example.org", "security": "none"}
    add_channel(server.state, "a-mail", "mail", settings)
    add_channel(server.state, "phone", "ntfy", {"url": phone[0]})
    for name in ("a-mail", "phone"):
        prove(server, name, monkeypatch)
    monkeypatch.setattr(delivering, "TURN_SECONDS", 0.02)
    monkeypatch.setattr(delivering, "_ENDING_SECONDS", 0.1)
    server.join(FleetHost("web01"))
    server.until("2027-02-03T16:00")
    server.turn()
    deliverer = Deliverer(server.state, server.evaluator.leads)
    deliverer.start()
    try:
        until(lambda: len(phone[1]) == 1)
        assert channel_of(server.state, "a-mail").trouble == ""  # it is at it still
        server.clock.advance(delivering.LONGEST_SECONDS + 1)
        server.turn()
        until(lambda: "no answer within" in channel_of(server.state, "a-mail").trouble)
        server.clock.advance(3601)
        server.turn()
        until(lambda: any("channel a-mail" in title for title in phone[1]))
    finally:
        deliverer.close()


def test_an_address_has_its_share_of_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """M-5: also of those that say nothing; beyond it the one that waits longest is ended, and nobody who is served."""
    monkeypatch.setattr(listening, "MOST_OF_ONE", 2)
    monkeypatch.setattr(listening, "network_of", lambda _address: "192.0.2.7")
    with listening.listen("127.0.0.1", 0) as found:
        found.setblocking(False)
        address = found.getsockname()
        clients = [socket.create_connection(address) for _ in range(2)]
        taken = [until(lambda: _accepted(found)) for _ in range(2)]
        found.places.works(taken[0].fileno())
        clients.append(socket.create_connection(address))
        taken.append(until(lambda: _accepted(found)))
        assert clients[1].recv(1) == b""
        found.places.works(taken[2].fileno())
        clients.append(socket.create_connection(address))
        assert _refused(found, clients[3])  # both are being served
        found.places.waits(taken[0].fileno())
        clients.append(socket.create_connection(address))
        taken.append(until(lambda: _accepted(found)))
        assert clients[0].recv(1) == b""
        for one in (*clients, *taken):
            one.close()
        assert not found.places.taken


def _refused(found: listening.CountingSocket, client: socket.socket) -> bool:
    assert _accepted(found) is None
    return client.recv(1) == b""


def _accepted(found: listening.CountingSocket) -> socket.socket | None:
    try:
        return found.accept()[0]
    except BlockingIOError:
        return None
