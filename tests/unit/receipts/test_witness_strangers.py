"""A witness and those who connect to it and say nothing, or little."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.clock import SystemClock
from strongroom.receipts.log.note import COSIGNATURE
from strongroom.receipts.witness import server
from strongroom.receipts.witness.witness import Witness
from tests.support.logs import new_signer
from tests.support.waiting import PATIENCE


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Where a witness of no log listens."""
    signer = new_signer("witness.example/w1", COSIGNATURE)
    with contextlib.closing(Witness(str(tmp_path), signer, [], SystemClock())) as witness:
        running = server.WitnessServer(("127.0.0.1", 0), witness)
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield "127.0.0.1", running.server_address[1]
        running.shutdown()
        thread.join()
        running.server_close()


@pytest.mark.parametrize("addresses", [1, 8])
def test_silent_strangers_keep_no_log_out(address: tuple[str, int], addresses: int) -> None:
    """Who opens more connections than one address may have loses the oldest; all places of many go to who is new."""
    with contextlib.ExitStack() as held:
        silent = [
            held.enter_context(
                socket.create_connection(address, PATIENCE, source_address=(f"127.0.0.{2 + number % addresses}", 0))
            )
            for number in range(2 * server.MAX_CONNECTIONS)
        ]
        for number in range(2 * server.MAX_OF_ONE):
            connection = http.client.HTTPConnection(
                *address, timeout=PATIENCE, source_address=(f"127.0.0.{2 + number % 2}", 0)
            )
            connection.request("POST", "/add-checkpoint", b"noise")
            assert connection.getresponse().status == 400
            held.callback(connection.close)
        with contextlib.suppress(ConnectionResetError):
            assert silent[0].recv(1) == b""


def test_who_drips_is_cut_off(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection has an end, also when a byte comes before each limit of a read."""
    monkeypatch.setattr(server, "LONGEST", 0.2)
    with socket.create_connection(address, PATIENCE) as one:
        one.sendall(b"POST /prefix/add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            while True:
                one.sendall(b"x")
                time.sleep(0.05)


def test_a_thread_that_cannot_be_had_keeps_no_place(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no thread to spare connections end, and their places are there for those that come later."""
    missing = [server.MAX_OF_ONE + 1, server.MAX_OF_ONE + 1]
    start = threading.Thread.start

    def no_more(thread: threading.Thread) -> None:
        kind = isinstance(thread, threading.Timer)
        if missing[kind]:
            missing[kind] -= 1
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", no_more)
    for _ in range(2 * (server.MAX_OF_ONE + 1)):
        with socket.create_connection(address, PATIENCE) as one, contextlib.suppress(ConnectionResetError):
            assert one.recv(1) == b""
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    connection.request("POST", "/add-checkpoint", b"noise")
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize(
    "more", ["Content-Length: 2\r\nContent-Length: 3", "Content-Length: 3\r\nTransfer-Encoding: chunked"]
)
def test_a_length_that_is_said_twice_is_refused(address: tuple[str, int], more: str) -> None:
    """And the connection ends: what follows is no request of its own."""
    with socket.create_connection(address, PATIENCE) as one:
        one.sendall(
            f"POST /prefix/add-checkpoint HTTP/1.1\r\nHost: w\r\n{more}\r\n\r\nabcGET / HTTP/1.1\r\n\r\n".encode()
        )
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while some := one.recv(4096):
                said += some
        assert said.startswith(b"HTTP/1.1 400")
        assert said.count(b"HTTP/1.1 ") == 1
