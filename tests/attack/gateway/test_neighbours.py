"""The threat catalogue at the gateway: rows G-2 and X-1, tenants who are in others' way, or learn of them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.servers import postgres
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import PATIENCE, kept, until

OBJECTS = 300
READERS = 40


@contextlib.contextmanager
def database(kind: str) -> Iterator[tuple[str, ...]]:
    """The flags for a database of this kind."""
    if kind == "sqlite":
        yield ()
        return
    with postgres.running() as url:
        yield ("--database", url)


def connect(gateway: Gateway) -> socket.socket:
    """A connection that takes little at a time."""
    host, _, port = gateway.address.rpartition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((host, int(port)))
    return connection


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_g_2_slow_readers_hold_nothing_that_others_need(tmp_path: Path, kind: str) -> None:
    """G-2: forty readers with one token who take receipts, lists and packs slowly keep no other tenant waiting."""
    with (
        database(kind) as where,
        Gateway(
            tmp_path, flags=("--append-only", "--private-repos", *where), users={"slow": "a", "other": "b"}
        ) as gateway,
    ):
        for user in gateway.users:
            gateway.make(user, user)

        def put(number: int) -> int:
            data = b"%d" % number
            return gateway.put(f"/slow/data/{name_of(data)}", data, "slow")

        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(put, range(OBJECTS))) == {200}
        gateway.settle()
        pages = ("/.strongroom/v1/receipts?repository=slow&limit=10000", "/slow/data/")
        readers = []
        for number in range(READERS):
            connection = connect(gateway)
            connection.sendall(gateway.head("GET", pages[number % 8 == 0], user="slow"))
            readers.append(connection)
        stop, taken = threading.Event(), [0] * READERS

        def take_slowly() -> None:
            while not stop.wait(0.1):
                for number, connection in enumerate(readers):
                    taken[number] += len(connection.recv(100))

        taking = threading.Thread(target=take_slowly)
        taking.start()
        count = 0

        def beside_them() -> float:
            nonlocal count
            begun = time.monotonic()
            count += 1
            data = b"other %d" % count
            if gateway.ask("GET", "/health").status != 200:
                return PATIENCE  # a look was late, as on a busy machine: in one of the attempts none may be
            assert gateway.put(f"/other/data/{name_of(data)}", data, "other") == 200
            return time.monotonic() - begun

        try:
            until(lambda: min(taken) >= 600, gateway.said)  # more than a head: what is sent has been put together
            kept(10, beside_them)  # who waited for these readers would wait for minutes
        finally:
            stop.set()
            taking.join()
            for connection in readers:
                connection.close()


def test_receipts_come_in_pages_that_fit_together(tmp_path: Path) -> None:
    """A list of receipts that is read in parts has each once, in order, up to the limit."""
    with Gateway(tmp_path) as gateway:
        gateway.make()
        bodies = [b"%d" % number for number in range(300)]
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(lambda data: gateway.put(f"/web01/data/{name_of(data)}", data), bodies)) == {200}
        gateway.settle()

        def indexes(query: str) -> list[bytes]:
            reply = gateway.ask("GET", f"/.strongroom/v1/receipts?repository=web01&{query}")
            assert reply.status == 200
            return [line for line in reply.body.splitlines() if b'"index"' in line]

        everything = indexes("limit=10000")
        assert len(set(everything)) == len(everything) == 301
        for limit in (1, 255, 256, 257, 300):
            assert indexes(f"limit={limit}") == everything[:limit]
        assert indexes("after=-1&limit=0") == []
        for bad in (
            "after=+1",
            "after=-2",
            "after=%D9%A1",
            "after=1_0",
            "limit=01",
            "limit=",
            "limit=1e3",
            "after=%20",
        ):
            reply = gateway.ask("GET", f"/.strongroom/v1/receipts?repository=web01&{bad}")
            assert reply.status == (200 if bad == "limit=" else 400), bad


def test_x_1_numbers_of_everybody_are_not_for_everybody(tmp_path: Path) -> None:
    """X-1: with private repositories metrics are for the user `metrics`, and of principals for auditors of all."""
    flags = ("--append-only", "--private-repos", "--prometheus")
    users = {"alice": "a", "bob": "b", "metrics": "m"}
    with Gateway(tmp_path, flags=flags, users=users) as gateway:
        gateway.make("alice", "alice")
        code, host = operate(gateway, "principal", "add", "web01", "--repository", "web01")
        assert code == 0
        code, auditor = operate(gateway, "principal", "add", "eve", "--repository", "*", "--role", "auditor")
        assert code == 0
        for user, status in (
            ("alice", 403),
            ("bob", 403),
            (f"web01:{host.strip()}", 403),
            ("metrics", 200),
            (f"eve:{auditor.strip()}", 200),
            ("", 401),
        ):
            for method in ("GET", "HEAD"):
                reply = gateway.ask(method, "/metrics", user=user)
                assert reply.status in (status, 405), (user, method)
                assert (b'user="alice"' in reply.body) == (status == 200 and method == "GET")
        for user, status in ((f"web01:{host.strip()}", 403), (f"eve:{auditor.strip()}", 200)):
            assert gateway.ask("GET", "/alice/config", user=user).status == status
        gateway.ask("GET", "/alice/config", user="bob")
        mine = gateway.ask("GET", "/.strongroom/v1/status", user=f"web01:{host.strip()}").body
        assert b"alice" not in mine
    with Gateway(tmp_path / "open", flags=(*flags, "--prometheus-no-auth"), users=users) as gateway:
        assert gateway.ask("GET", "/metrics", user="").status == 200


def test_x_1_health_names_nobody(tmp_path: Path) -> None:
    """X-1: what is wrong with a policy is told to the operator; /health, which anybody may read, only that it is."""
    policy = tmp_path / "gateway.toml"
    policy.write_text('version = 1\n[principal.secret-name]\nquota = "5G"\n')
    with Gateway(tmp_path, flags=("--append-only", "--config", str(policy)), users={"x": "y"}) as gateway:
        assert gateway.ask("GET", "/health").status == 200
        policy.write_text('version = 1\n[principal.secret-name]\nquota = "five"\n')

        def alarmed() -> float:
            begun = time.monotonic()
            while gateway.ask("GET", "/health").status != 503:
                assert time.monotonic() < begun + 60
                time.sleep(0.1)
            return 0

        kept(60, alarmed)
        body = gateway.ask("GET", "/health").body
        assert b"policy" in body
        for secret in (b"secret-name", b"five", str(tmp_path).encode()):
            assert secret not in body
        assert "secret-name" in gateway.said()
