"""Witnesses that lie, send without end or say nothing: they are not believed, and nothing waits for them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from strongroom.base.clock import SystemClock
from strongroom.base.errors import LimitExceeded, StrongroomError, Unavailable
from strongroom.receipts.audit.log_source import HttpSource
from strongroom.receipts.commit.log_state import state
from strongroom.receipts.log.note import COSIGNATURE
from strongroom.receipts.witness.client import WitnessClient
from strongroom.receipts.witness.countersigning import Countersigning
from tests.support.logs import head, make_log, new_signer
from tests.support.waiting import PATIENCE


class Lying(BaseHTTPRequestHandler):
    """A witness that answers what it was told to answer."""

    answer = (200, b"")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        self.send_response(self.answer[0])
        self.send_header("Content-Length", str(len(self.answer[1])))
        self.end_headers()
        self.wfile.write(self.answer[1])

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_w_1_a_witness_that_lies_is_not_believed(tmp_path: Path) -> None:
    """W-1: cosignatures of other heads or keys, rolled back sizes and noise are never kept, and stop no signing."""
    log = make_log(tmp_path / "log", 10)
    signer, stranger = new_signer("witness.example/w1", COSIGNATURE), new_signer("witness.example/w1", COSIGNATURE)
    server = HTTPServer(("127.0.0.1", 0), Lying)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    client = WitnessClient(f"http://127.0.0.1:{server.server_address[1]}", signer.verifier, timeout=PATIENCE)
    asking = Countersigning(log.database, client, SystemClock(), every=0)
    text = head(log).text()
    lies = [
        (200, stranger.sign(text, 5).line().encode()),
        (200, signer.sign(text.replace("10", "9"), 5).line().encode()),
        (200, b""),
        (200, b"\xff\n"),
        (200, b"x" * 100_000),
        (409, b"3\n"),
        (409, b"many\n"),
        (302, b""),
        (500, b""),
    ]
    for lie in lies:
        Lying.answer = lie
        with pytest.raises(StrongroomError):
            asking.step()
        assert state(log.database).cosigned is None
        assert state(log.database).alarm is None
        log.add(lies.index(lie) + 100)
        log.publish(witness=client)
    Lying.answer = (200, signer.sign(head(log).text(), 5).line().encode())
    assert asking.step()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("of_a_log", [False, True])
def test_an_answer_without_an_end_is_hung_up_on(of_a_log: bool) -> None:
    """What answers with more than may be read is left at once: its connection is closed, and never used again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        signer = new_signer("witness.example/w1", COSIGNATURE)
        source, client = HttpSource(url), WitnessClient(url, signer.verifier)
        ask = source.head if of_a_log else lambda: client.latest("backup.example/log")
        refused: list[BaseException] = []

        def read() -> None:
            with pytest.raises(LimitExceeded) as found:
                ask()
            refused.append(found.value)

        thread = threading.Thread(target=read, daemon=True)
        thread.start()
        with listener.accept()[0] as connection:
            connection.settimeout(PATIENCE)
            connection.recv(65536)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # it need not take all of it
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 100_000)
            thread.join(PATIENCE)
            assert len(refused) == 1
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""


def test_w_2_receipts_never_wait_for_a_witness(tmp_path: Path) -> None:
    """W-2: while the witness is away, or takes connections and says nothing, receipts are committed and signed."""
    log = make_log(tmp_path / "log")
    silent = socket.create_server(("127.0.0.1", 0))
    signer = new_signer("witness.example/w1", COSIGNATURE)
    client = WitnessClient(f"http://127.0.0.1:{silent.getsockname()[1]}", signer.verifier, timeout=0.5)
    asking = Countersigning(log.database, client, SystemClock(), every=0)
    for number in range(2):
        log.add(number)
        begun = time.monotonic()
        log.publish(witness=client)
        assert time.monotonic() - begun < 60
        assert state(log.database).published == number + 1
        with pytest.raises(Unavailable):
            asking.step()
        silent.close()
