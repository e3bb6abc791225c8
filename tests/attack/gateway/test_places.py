"""The threat catalogue at the gateway: row G-2, places that are held by those for whom nothing is done."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from strongroom.gateway.http import connection as serving
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.http.body import Body
from strongroom.gateway.http.listeners import open_listeners
from strongroom.gateway.http.places import MAX_CONNECTIONS, MAX_STRANGERS, Places, Seat
from strongroom.gateway.http.request import Request
from strongroom.gateway.http.server import Server
from strongroom.gateway.pages import shared_look
from strongroom.gateway.pages.shared_look import SharedLook
from tests.support.servers.gateways import Gateway, over_tls
from tests.support.waiting import PATIENCE, kept, until


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """One of one worker, not started yet."""
    return Gateway(tmp_path, flags=("--append-only",), users={"alice": "pw"}, user="alice")


class Refusing:
    """What takes no body, and counts those whom it told so."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self.refused = 0

    def handle(self, request: Request, _body: Body) -> Answer:
        if request.method == "GET":
            return text(200, "here")
        with self._counting:
            self.refused += 1
        return text(401, "wrong credentials")

    def done(self, request: Request | None, answer: Answer, seconds: float, peer: str) -> None:
        pass


def test_g_2_a_body_that_is_refused_holds_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """G-2: all strangers that have a place, who announce bodies that nobody will take and send nothing of them, keep
    nobody waiting, however long what they may still send is waited for."""
    monkeypatch.setattr(serving, "DRAIN_SECONDS", 2 * PATIENCE)
    (listener,) = listeners = open_listeners(["127.0.0.1:0"])
    handler = Refusing()
    server = Server(listeners, handler)
    accepting = threading.Thread(target=server.accept)
    accepting.start()
    with listener, contextlib.ExitStack() as crowd:
        try:
            for number in range(MAX_STRANGERS):
                stranger = crowd.enter_context(socket.socket())
                stranger.bind((f"127.0.0.{2 + number % 8}", 0))
                stranger.connect(listener.getsockname())
                stranger.sendall(b"POST /web01/config HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n")
            until(lambda: handler.refused == MAX_STRANGERS)
            with socket.create_connection(listener.getsockname(), timeout=PATIENCE) as late:
                late.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert late.recv(4096).endswith(b"here\n")
        finally:
            server.stop()
            accepting.join()


def test_g_2_few_principals_never_take_all_places() -> None:
    """G-2: however many connections of eight principals are at work, others find a place, and one that ends is free."""
    places, taken = Places(crowd=lambda _: ""), Counter[str]()

    def enter(principal: str) -> Seat | None:
        seat = places.enter(socket.socket(), "")
        if seat is None:
            return None
        seat.works()
        if seat.admit(principal):
            return seat
        seat.leave()
        seat.connection.close()
        return None

    held: list[Seat] = []
    for principal in "abcdefgh":
        while (seat := enter(principal)) is not None:
            taken[principal] += 1
            held.append(seat)
    assert taken["a"] >= MAX_CONNECTIONS // 2
    assert taken.total() < MAX_CONNECTIONS
    other = enter("other")
    assert other is not None
    held.append(other)
    for seat in held[:10]:
        seat.waits()  # idle between two requests: nobody is in the way then
    again = [enter("late") for _ in range(3)]
    assert None not in again
    for seat in (*held, *(one for one in again if one is not None)):
        seat.leave()
        seat.connection.close()
    assert places.taken == 0


def test_g_2_where_nobody_shows_a_name_an_address_is_one() -> None:
    """G-2: without authentication eight addresses whose connections are all at work leave others a place."""
    places, held = Places(), list[Seat]()

    def enter(address: str) -> bool:
        seat = places.enter(socket.socket(), address)
        if seat is None:
            return False
        held.append(seat)
        seat.works()
        return seat.admit(address)

    taken = dict.fromkeys((f"192.0.2.{number}" for number in range(8)), 0)
    for address in taken:
        while enter(address):
            taken[address] += 1
            assert places.taken < MAX_CONNECTIONS, taken
        refused = held.pop()
        refused.leave()
        refused.connection.close()
    assert enter("192.0.2.99")
    for seat in held:
        seat.leave()
        seat.connection.close()


def test_g_2_however_many_ask_for_health_one_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """G-2: a look at every folder costs; forty strangers who ask at once have two made, and wait for no third."""
    monkeypatch.setattr(shared_look, "PAUSE", 0.0)
    begun, go = threading.Semaphore(0), threading.Semaphore(0)
    looks = 0

    def look() -> int:
        nonlocal looks
        looks += 1
        found = looks
        begun.release()
        go.acquire()
        return found

    shared = SharedLook(look)
    with ThreadPoolExecutor(41) as pool:
        first = pool.submit(shared.get)
        begun.acquire()
        later = [pool.submit(shared.get) for _ in range(shared_look.MOST_WAITING - 1)]
        until(lambda: shared._waiting == shared_look.MOST_WAITING)
        go.release()
        assert first.result() == 1
        begun.acquire()
        until(lambda: shared._waiting == shared_look.MOST_WAITING - 1)
        more = [pool.submit(shared.get) for _ in range(24)]
        until(lambda: sum(one.done() for one in more) >= 23)  # one is the sixteenth, and waits for the next
        assert {one.result() for one in more if one.done()} == {1}
        go.release()
        assert {one.result() for one in later} == {2}  # no look that had begun before they asked
        go.release()  # not before: the third look's word would reach those who are only about to take the second's
        assert {one.result() for one in more} == {1, 3}
        assert looks == 3


def test_g_2_a_look_that_fails_leaves_nobody_waiting() -> None:
    """G-2: who asked gets the error, and the next one looks again."""
    outcomes = iter([OSError("away"), None])

    def look() -> str:
        if (error := next(outcomes)) is not None:
            raise error
        return "well"

    shared = SharedLook(look)
    with pytest.raises(OSError, match="away"):
        shared.get()
    assert shared.get() == "well"


def test_g_2_who_is_let_in_no_more_is_a_stranger(gateway: Gateway) -> None:
    """G-2: a connection on which credentials were good once, and are so no more, has a stranger's time."""
    with gateway, gateway.connect() as connection:
        gateway.make()
        connection.sendall(gateway.head("GET", "/web01/config"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        connection.sendall(gateway.head("GET", "/web01/config", user="alice:wrong").replace(b"cHc=", b"bm8="))
        assert connection.recv(4096).startswith(b"HTTP/1.1 401")
        begun = time.monotonic()
        assert connection.recv(4096) == b""
        assert time.monotonic() - begun < 60  # and not the two minutes of somebody known


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_body_that_is_refused_is_not_asked_for(gateway: Gateway, tls: bool) -> None:
    """Who waits for 100 gets the refusal at once instead; HTTP/1.0 knows no 100; and what is taken in is asked for."""
    if tls:
        over_tls(gateway)
    with gateway:
        gateway.make()

        def told(path: str, version: str = "1.1", **who: str) -> tuple[bytes, float]:
            headers = {"Content-Length": "5", "Expect": "100-continue"}
            begun = time.monotonic()
            with gateway.connect() as connection:
                head = gateway.head("POST", path, headers, **who)
                connection.sendall(head.replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
                found = connection.recv(4096)
                if b" 100 " not in found:
                    assert connection.recv(4096) == b""
                return found[9:12], time.monotonic() - begun

        for path, who, status in (
            ("/web01/config", {"user": ""}, b"401"),
            ("/web01/unknown", {}, b"404"),
            ("/web01/data/", {}, b"405"),
        ):

            def refusal(path: str = path, who: dict[str, str] = who, status: bytes = status) -> float:
                found, seconds = told(path, **who)
                assert found == status, path
                return seconds

            kept(2, refusal)
        assert told("/web01/data/" + "0" * 64)[0] == b"100"
        with gateway.connect() as connection:
            head = gateway.head("POST", "/web01/config", {"Content-Length": "15", "Expect": "100-continue"})
            connection.sendall(head.replace(b"HTTP/1.1", b"HTTP/1.0") + b"config of web01")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_head_of_bare_line_feeds_is_refused_at_once(gateway: Gateway, tls: bool) -> None:
    """What a lenient proxy may take for the end of a head is none, and is not waited for as if there came more."""
    if tls:
        over_tls(gateway)
    with gateway:
        for noise in (b"GET /health HTTP/1.1\nHost: x\n\n", b"GET /health HTTP/1.1\r\nHost: x\n\r\n"):

            def refusal(noise: bytes = noise) -> float:
                begun = time.monotonic()
                with gateway.connect() as connection:
                    connection.sendall(noise)
                    assert connection.recv(4096).startswith(b"HTTP/1.1 400")
                return time.monotonic() - begun

            kept(5, refusal)
