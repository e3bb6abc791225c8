"""The witness over HTTP: it countersigns what continues, and refuses forks, shrinking, strangers and noise."""

from __future__ import annotations

import base64
import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from strongroom.base.clock import SystemClock
from strongroom.base.errors import ConfigurationError, LimitExceeded, StrongroomError, Unavailable
from strongroom.receipts.audit.log_source import HttpSource
from strongroom.receipts.commit.log_state import node_of, state
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.merkle import consistency_proof
from strongroom.receipts.log.note import COSIGNATURE, Signer
from strongroom.receipts.witness.client import Contradiction, WitnessClient
from strongroom.receipts.witness.countersigning import Countersigning
from strongroom.receipts.witness.server import WitnessServer
from strongroom.receipts.witness.witness import Submission, Witness
from tests.support import go_verifier
from tests.support.logs import Log, make_log, new_signer
from tests.support.waiting import PATIENCE


class Running:
    """A witness that serves the log of a test, and can be restarted."""

    def __init__(self, folder: Path, log: Log) -> None:
        self.folder = folder
        self.log = log
        self.signer = new_signer("witness.example/w1", COSIGNATURE)
        self.start()

    def start(self) -> None:
        self.witness = Witness(str(self.folder), self.signer, [self.log.signer.verifier], SystemClock())
        self.server = WitnessServer(("127.0.0.1", 0), self.witness)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.witness.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/prefix"

    def client(self) -> WitnessClient:
        return WitnessClient(self.url, self.signer.verifier)

    def ask(self, body: bytes, path: str = "/prefix/add-checkpoint") -> tuple[int, str, bytes]:
        """A raw request: status, content type, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=PATIENCE)
        connection.request("POST", path, body)
        answer = connection.getresponse()
        found = answer.status, answer.headers.get("Content-Type", ""), answer.read()
        connection.close()
        return found


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A witness for a log of ten leaves."""
    one = Running(tmp_path / "witness", make_log(tmp_path / "log", 10))
    yield one
    one.stop()


def head(log: Log) -> checkpoints.Checkpoint:
    """The log's newest checkpoint."""
    now = state(log.database).checkpoint
    assert now is not None
    return checkpoints.parse(now)


def proof(log: Log, old: int, new: int) -> tuple[bytes, ...]:
    """A consistency proof out of the log's database."""
    with log.database.read() as connection:
        return tuple(consistency_proof(node_of(connection, 1, new), old, new))


def test_a_growing_log_is_countersigned_each_minute(running: Running, tmp_path: Path) -> None:
    """The cosignature of each head is kept, carries the witness's time, verifies in Go, and survives a restart."""
    log = running.log
    asking = Countersigning(log.database, running.client(), SystemClock(), every=0)
    assert asking.step()
    assert not asking.step()  # nothing has grown
    log.add(*range(10, 300))
    log.publish(witness=running.client())
    running.stop()
    running.start()
    asking = Countersigning(log.database, running.client(), SystemClock(), every=0)
    assert asking.step()
    kept = state(log.database).cosigned
    assert kept is not None
    note = checkpoints.parse(kept).note
    assert note is not None
    when = running.signer.verifier.verify(note)
    assert when is not None
    assert abs(when - SystemClock().now_ns() // 10**9) < 60
    file = tmp_path / "cosigned"
    file.write_bytes(kept)
    program = go_verifier.build(tmp_path)
    assert go_verifier.run(program, "cosigned", file, str(running.signer.verifier)) == (True, f"accepted {when}\n")
    latest = running.client().latest(log.signer.name)
    assert latest is not None
    assert latest.size == 300
    assert not asking.step()
    slow = Countersigning(log.database, running.client(), SystemClock(), every=60)
    log.add(1000)
    log.publish()
    assert not slow.step()  # the minute is not over


def test_the_answers_are_those_of_the_protocol(running: Running, capsys: pytest.CaptureFixture[str]) -> None:
    """Each wrong submission has the status that C2SP's tlog-witness gives it, and none changes what is remembered."""
    log = running.log
    ten = head(log)
    status, _, body = running.ask(Submission(0, (), ten.encode()).encode())
    assert status == 200
    assert body.decode().startswith("— witness.example/w1 ")
    log.add(10, 11)
    log.publish()
    twelve = head(log)
    good = proof(log, 10, 12)
    stranger = Signer("stranger.example/log", new_signer()._private)
    forged = Signer(log.signer.name, new_signer()._private)
    other = checkpoints.Checkpoint(ten.origin, 10, bytes(32)).signed(log.signer)
    theirs = checkpoints.Checkpoint("stranger.example/log", 12, twelve.root).signed(stranger)
    cases = [
        (
            404,
            Submission(10, good, theirs.encode()),
        ),
        (403, Submission(10, good, checkpoints.Checkpoint(ten.origin, 12, twelve.root).signed(forged).encode())),
        (400, Submission(13, good, twelve.encode())),
        (409, Submission(0, (), twelve.encode())),
        (409, Submission(9, good, twelve.encode())),
        (409, Submission(10, (), other.encode())),
        (422, Submission(10, (*good, good[0]), twelve.encode())),
        (422, Submission(10, (), twelve.encode())),
        (422, Submission(10, good, checkpoints.Checkpoint(ten.origin, 12, bytes(32)).signed(log.signer).encode())),
    ]
    for expected, submission in cases:
        status, kind, body = running.ask(submission.encode())
        assert status == expected, submission
        if status == 409:
            assert (kind, body) == ("text/x.tlog.size", b"10\n")
    valid = Submission(10, good, twelve.encode()).encode()
    encoded = base64.b64encode(good[0])
    for noise in (
        b"",
        b"old",
        b"old 010\n\n",
        valid.replace(b"old 10", b"old -1"),
        valid.replace(encoded, b"AAAA"),
        b"old 10\n" + encoded * 64 + b"\n\n",
        valid.replace(b"old 10", b"old 10\r"),
        b"\xff" * 100,
        b"old 10\n" + (encoded + b"\n") * 64 + b"\n" + twelve.encode(),
    ):
        assert running.ask(noise)[0] == 400, noise[:40]
    assert running.ask(b"x" * 200_000)[0] == 400
    assert running.ask(valid, "/elsewhere")[0] == 404
    assert running.ask(valid)[0] == 200
    assert running.ask(Submission(12, (), twelve.encode()).encode())[0] == 200  # the same again: a newer time
    assert "Traceback" not in capsys.readouterr().err


def test_a_forked_log_gets_no_cosignature_and_stops_signing(running: Running, tmp_path: Path) -> None:
    """A log by the same key with another past is refused by the witness; its sequencer signs nothing more."""
    Countersigning(running.log.database, running.client(), SystemClock(), every=0).step()
    fork = make_log(tmp_path / "fork", signer=running.log.signer)
    fork.add(*range(100, 120))
    fork.publish()
    with pytest.raises(Contradiction):
        Countersigning(fork.database, running.client(), SystemClock(), every=0).step()
    signed = state(fork.database).published
    fork.add(500)
    sequencer = fork.sequencer(witness=running.client())
    sequencer.step()
    assert "witness" in (sequencer.failure or "")
    now = state(fork.database)
    assert now.alarm is not None
    assert now.published == signed
    remembered = running.client().latest(fork.signer.name)
    assert remembered is not None
    assert remembered.root == head(running.log).root


def test_a_witness_state_has_one_user(running: Running) -> None:
    """Two witnesses over one state could each countersign another head, so the second does not start."""
    with pytest.raises(ConfigurationError):
        Witness(str(running.folder), running.signer, [], SystemClock())


def test_submissions_race_to_one_history(running: Running) -> None:
    """Of many heads that are submitted at once from the same size, exactly one is countersigned."""
    Countersigning(running.log.database, running.client(), SystemClock(), every=0).step()
    log = running.log
    bodies = []
    for number in range(8):
        log.add(100 + number)
        log.publish()
        new = head(log)
        bodies.append(Submission(10, proof(log, 10, new.size), new.encode()).encode())
    answers: list[int] = []
    threads = [threading.Thread(target=lambda b=body: answers.append(running.ask(b)[0])) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 7


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
