"""The witness over HTTP: it countersigns what continues, and refuses forks, shrinking, strangers and noise."""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.clock import SystemClock
from strongroom.base.errors import ConfigurationError
from strongroom.receipts.commit.log_state import node_of, state
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.merkle import consistency_proof
from strongroom.receipts.log.note import COSIGNATURE, Signer
from strongroom.receipts.witness.client import Contradiction, WitnessClient
from strongroom.receipts.witness.countersigning import Countersigning
from strongroom.receipts.witness.server import WitnessServer
from strongroom.receipts.witness.witness import Submission, Witness
from tests.support import go_verifier
from tests.support.logs import Log, head, make_log, new_signer
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
    slow = Countersigning(log.database, running.client(), SystemClock(), every=86_400)
    log.add(1000)
    log.publish()
    assert not slow.step()  # its time is not over


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
