"""A gateway and its witness: whatever that one does is said, and nothing waits for it; a copied gateway stops."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.note import COSIGNATURE
from tests.support.logs import new_signer
from tests.support.servers.gateways import Gateway, name_of
from tests.support.servers.witnesses import witness
from tests.support.waiting import PATIENCE, kept, until

MINUTE = 60.0
ANSWERS = {
    "garbage": b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ngarbage",
    "noise": b"\x00\xff no HTTP at all\r\n\r\n",
    "forbidden": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "endless": b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 200_000,
    "silent": b"",
    "dripping": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 900,
    "dripping head": b"HTTP/1.1 200 OK\r\n" + b"X-More: x\r\n" * 100,
}


@contextlib.contextmanager
def strange(kind: str) -> Iterator[str]:
    """The URL of a witness that answers so."""

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            step = 1 if kind.startswith("dripping") else 100_000
            for start in range(0, len(ANSWERS[kind]), step):
                connection.sendall(ANSWERS[kind][start : start + step])
                if step == 1:
                    time.sleep(0.3)
            if kind == "silent":
                connection.recv(1)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def published(gateway: Gateway) -> int:
    """The size of the signed head that the gateway shows."""
    return checkpoints.parse(gateway.ask("GET", "/.strongroom/log/checkpoint").body).size


@pytest.mark.parametrize("kind", list(ANSWERS))
def test_w_1_w_2_a_strange_witness_is_told_of_and_waited_for_by_nobody(tmp_path: Path, kind: str) -> None:
    """W-1, W-2: with a witness that answers noise, refuses, drips or says nothing, /health says so within a minute and
    is well, and each upload is under a signed head within five seconds as without one; so is the stop at once."""
    key = str(new_signer("witness.example/w", COSIGNATURE).verifier)
    with strange(kind) as url:
        flags = ("--no-auth", "--append-only", "--witness", url, "--witness-key", key)
        gateway = Gateway(tmp_path, flags=flags)
        begun = time.monotonic()
        gateway.start()
        gateway.make()

        def signing() -> float:
            data = b"%d" % time.monotonic_ns()
            before, start = published(gateway), time.monotonic()
            assert gateway.put(f"/web01/data/{name_of(data)}", data) == 200
            until(lambda: published(gateway) > before, gateway.said)
            return time.monotonic() - start

        def told() -> bool:
            health = gateway.ask("GET", "/health")
            assert health.status == 200
            assert url.encode() not in health.body  # anybody may read it
            return any(one.startswith("the log is not countersigned: ") for one in health.json()["warnings"])

        until(lambda: gateway.ask("GET", "/.strongroom/log/checkpoint").status == 200, gateway.said)
        kept(5.0, signing)
        until(told, gateway.said, pause=0.2)
        assert time.monotonic() - begun < MINUTE
        kept(5.0, signing)
        start = time.monotonic()
        gateway.stop()
        assert time.monotonic() - start < 20


def test_x_3_of_two_copies_of_a_gateway_the_one_that_the_witness_does_not_know_stops(tmp_path: Path) -> None:
    """X-3: the state was copied to a second machine and both run before one witness: the one whose heads the witness
    has not seen signs nothing more within a minute, while it runs, says so in /health, and stays so while the witness
    is away; the other goes on."""
    first, second = Gateway(tmp_path / "first"), Gateway(tmp_path / "second")
    first.start()
    first.make()
    first.stop()
    with witness(tmp_path, first.key) as (url, key, process):
        first.flags = second.flags = (*first.flags, "--witness", url, "--witness-key", key)
        shutil.copytree(first.data, second.data, symlinks=True)
        with first, second:
            begun = time.monotonic()
            assert first.put(f"/web01/data/{name_of(b'first')}", b"first") == 200
            until(lambda: first.ask("GET", "/.strongroom/log/checkpoint.cosigned").status == 200, first.said, pause=0.1)
            numbers = iter(range(10_000))

            def stopped() -> bool:
                data = b"second %d" % next(numbers)
                assert second.put(f"/web01/data/{name_of(data)}", data) == 200
                return "not signed" in str(second.ask("GET", "/health").json()["problems"])

            until(stopped, second.said, pause=0.3)
            assert time.monotonic() - begun < 2 * MINUTE
            assert second.ask("GET", "/health").status == 503
            assert first.ask("GET", "/health").status == 200
            before = published(second)
            process.terminate()
            assert process.wait(PATIENCE) == 0
            until(lambda: "not countersigned" in str(second.ask("GET", "/health").json()["warnings"]), pause=0.2)
            assert stopped()
            time.sleep(7)  # longer than it takes to compare anew
            assert stopped()
            assert published(second) == before
