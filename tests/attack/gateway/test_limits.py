"""The threat catalogue at the gateway: row G-2, time limits over TLS as without, and who has a place."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from strongroom.gateway.http.places import MAX_STRANGERS_PER_ADDRESS
from tests.support.servers.gateways import Gateway, name_of, over_tls
from tests.support.waiting import PATIENCE, kept

LARGE = bytes(16 << 20)
PACK = f"/web01/data/{name_of(LARGE)}"
SPAN = 3
"""Seconds over which a body has to keep its pace in these tests."""
LATE = 40.0
"""Seconds. The limits are 10 s at most, and without them these connections would live for minutes or for ever."""

LOCKED_OUT = 5.0
"""Seconds. A stranger has his place for ten, and whoever had to wait for one would wait so long."""

Opened = Callable[[], socket.socket]


def serving(folder: Path, *, tls: bool) -> tuple[Gateway, Callable[[socket.socket], socket.socket]]:
    """A gateway that is not started yet, and what makes of a connection to it one that speaks as it does."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    policy = folder / "gateway.toml"
    policy.write_text(f"version = 1\n[server]\nslow_rate = 8000\nslow_span = {SPAN}\n")
    flags = ("--append-only", "--config", str(policy))
    gateway = Gateway(folder, flags=flags, users={"alice": "pw"}, user="alice")
    if not tls:
        return gateway, lambda plain: plain
    over_tls(gateway)
    context = gateway.context
    assert context is not None
    return gateway, lambda plain: context.wrap_socket(plain, server_hostname="localhost")


def plain(gateway: Gateway) -> socket.socket:
    """A connection on which nothing was said."""
    host, _, port = gateway.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def drip(connection: socket.socket, data: bytes, pause: float = 0.3) -> float:
    """Send byte by byte, and the last for ever; the seconds until the other end had enough."""
    begun = time.monotonic()
    connection.settimeout(pause)
    position = 0
    while time.monotonic() < begun + PATIENCE:
        try:
            if not connection.recv(4096):
                break
        except TimeoutError:
            pass
        except OSError:
            break
        try:
            connection.sendall(data[position : position + 1])
        except OSError:
            break
        position = min(position + 1, len(data) - 1)
    connection.close()
    return time.monotonic() - begun


def silent(connection: socket.socket) -> float:
    """Say nothing; the seconds until the other end had enough."""
    begun = time.monotonic()
    connection.settimeout(PATIENCE)
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass
    connection.close()
    return time.monotonic() - begun


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_g_2_every_limit_on_time_fires(tmp_path: Path, tls: bool) -> None:
    """G-2: silence, half a handshake, slow heads, bodies, chunks, trailers and readers end in time, TLS or not."""
    gateway, speak = serving(tmp_path, tls=tls)
    gateway.start()
    gateway.make()
    assert gateway.put(PACK, LARGE) == 200

    def upload(headers: dict[str, str], rest: bytes) -> socket.socket:
        connection = speak(plain(gateway))
        connection.sendall(gateway.head("POST", f"/web01/data/{'0' * 64}", headers) + rest)
        return connection

    def after_an_answer() -> float:
        connection = speak(plain(gateway))
        connection.sendall(gateway.head("GET", "/health", user=""))
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        return silent(connection)

    def reader() -> float:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        host, _, port = gateway.address.rpartition(":")
        raw.connect((host, int(port)))
        connection = speak(raw)
        connection.sendall(gateway.head("GET", PACK))
        begun = time.monotonic()
        connection.settimeout(PATIENCE)
        count = 0
        with contextlib.suppress(OSError):
            while (more := len(connection.recv(256))) and time.monotonic() < begun + PATIENCE:
                count += more
                time.sleep(0.5 if time.monotonic() < begun + 5 * SPAN else 0)
        assert count < len(LARGE)
        return time.monotonic() - begun

    chunks = {"Transfer-Encoding": "chunked"}
    cases: dict[str, Callable[[], float]] = {
        "nothing": lambda: silent(plain(gateway)),
        "nothing of a head": lambda: silent(speak(plain(gateway))),
        "half a head": lambda: drip(speak(plain(gateway)), b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 999),
        "nothing of a body": lambda: silent(upload({"Content-Length": "100000"}, b"x")),
        "a body in drops": lambda: drip(upload({"Content-Length": "100000"}, b"x"), b"x"),
        "a chunk's line": lambda: drip(upload(chunks, b""), b"5;" + b"x" * 999),
        "a trailer": lambda: drip(upload(chunks, b"1\r\nx\r\n0\r\nX: "), b"y"),
        "a stranger after an answer": after_an_answer,
        "a reader": reader,
    }
    if tls:
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600)
        cases["a handshake in drops"] = lambda: drip(plain(gateway), hello)
        cases["a record in drops"] = lambda: drip(_below(speak(plain(gateway))), b"\x17\x03\x03\x40\x00" + bytes(999))
    with ThreadPoolExecutor(len(cases)) as pool:
        took = dict(zip(cases, pool.map(lambda case: case(), cases.values()), strict=True))
    assert {name: seconds for name, seconds in took.items() if seconds > LATE} == {}
    assert gateway.put("/web01/keys/" + name_of(b"k"), b"k") == 200
    gateway.stop()


def _below(connection: socket.socket) -> socket.socket:
    """The TCP connection under one that speaks TLS."""
    return socket.socket(fileno=connection.detach())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_g_2_strangers_lock_nobody_out(tmp_path: Path, tls: bool) -> None:
    """G-2: 1,120 silent connections of two addresses leave others their places, and known connections live on."""
    gateway, speak = serving(tmp_path, tls=tls)
    gateway.start()
    config = gateway.make()
    friend = speak(plain(gateway))
    friend.sendall(gateway.head("GET", "/web01/config"))
    assert friend.recv(4096).endswith(config)
    host, _, port = gateway.address.rpartition(":")
    crowd = []
    try:
        for number in range(1120):
            connection = socket.socket()
            connection.bind((f"127.0.0.{2 + number % 2}", 0))
            connection.connect((host, int(port)))
            crowd.append(connection)

        def beside_them() -> float:
            begun = time.monotonic()
            assert gateway.ask("GET", "/web01/config").body == config
            return time.monotonic() - begun

        kept(LOCKED_OUT, beside_them)
        alive = [one for one in crowd if not _ended(one)]
        assert len(alive) <= 2 * MAX_STRANGERS_PER_ADDRESS
        friend.sendall(gateway.head("GET", "/web01/config"))
        assert friend.recv(4096).endswith(config)
    finally:
        for connection in crowd:
            connection.close()
        friend.close()
        gateway.stop()


def _ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_an_idle_connection_does_not_delay_a_stop(tmp_path: Path, tls: bool) -> None:
    """Connections that wait, known or not, with or without half a handshake or head, end at once when told to stop."""
    gateway, speak = serving(tmp_path, tls=tls)
    waiting: list[socket.socket] = []

    def stop() -> float:
        gateway.start()
        known = speak(plain(gateway))
        known.sendall(gateway.head("GET", "/web01/data/"))
        assert known.recv(4096).startswith(b"HTTP/1.1 200")
        half = speak(plain(gateway))
        half.sendall(b"GET / HT")
        waiting.extend([known, half, plain(gateway), speak(plain(gateway))])
        begun = time.monotonic()
        gateway.stop()
        return time.monotonic() - begun

    kept(3, stop)
    for connection in waiting:
        connection.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_what_was_asked_before_the_other_end_shut_its_half_is_answered(tmp_path: Path, tls: bool) -> None:
    """A client that sends a request and closes its sending half reads the whole answer, and then the end."""
    gateway, speak = serving(tmp_path, tls=tls)
    gateway.start()
    gateway.make()
    assert gateway.put(PACK, LARGE) == 200
    connection = speak(plain(gateway))
    connection.sendall(gateway.head("GET", PACK))
    socket.socket.shutdown(connection, socket.SHUT_WR)
    found = bytearray()
    while more := connection.recv(1 << 20):
        found += more
    assert found.endswith(LARGE)
    connection.close()
    gateway.stop()
