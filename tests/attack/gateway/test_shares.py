"""The threat catalogue at the gateway: row G-2, shares behind a proxy, and questions whose answer does not come."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from strongroom.gateway.access.access import Access
from strongroom.gateway.access.caller import ANYBODY
from strongroom.gateway.http.places import MAX_CONNECTIONS, Places, Seat
from strongroom.gateway.http.request import Request
from strongroom.gateway.pages import shared_look
from strongroom.gateway.pages.shared_look import SharedLook
from strongroom.gateway.pages.timed_look import BUDGET, TimedLook, look_at_all
from strongroom.gateway.processes.state import open_database
from strongroom.gateway.settings import GatewaySettings
from tests.support.clock import ManualClock
from tests.support.servers import postgres
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import PATIENCE, kept, until


@pytest.mark.parametrize("by_socket", [False, True], ids=["proxy", "socket"])
def test_g_2_behind_a_proxy_an_address_is_one_where_nobody_shows_a_name(tmp_path: Path, by_socket: bool) -> None:
    """G-2: without authentication the address that a trusted proxy wrote has its share of connections and of uploads,
    and whoever comes by a socket without one; others find a place beside it."""
    gateway = Gateway(tmp_path, flags=("--no-auth", "--trusted-proxies", "unix" if by_socket else "127.0.0.1"))
    gateway.start(f"unix:{tmp_path}/socket" if by_socket else "")
    with contextlib.ExitStack() as held:
        held.callback(gateway.stop)
        gateway.make()

        def begin(number: int, headers: dict[str, str]) -> socket.socket:
            """An upload that is not sent to its end."""
            path = f"/web01/data/{name_of(b'%d!' % number)}"
            connection = held.enter_context(gateway.connect())
            connection.sendall(gateway.head("POST", path, {"Content-Length": "2", **headers}) + b"x")
            return connection

        def under_way() -> int:
            return len(list((gateway.data / "web01/.strongroom/tmp").glob("gate-*")))

        one = {} if by_socket else {"X-Forwarded-For": "192.0.2.1"}
        limit = GatewaySettings(path="").uploads_per_principal
        for number in range(limit):
            begin(number, one)
        until(lambda: under_way() == limit, gateway.said)
        assert begin(limit, one).recv(4096)[9:12] == b"503"
        begin(limit, {"X-Forwarded-For": "192.0.2.2"})
        begin(limit + 1, {"X-Forwarded-For": "2001:db8::1"})
        until(lambda: under_way() == limit + 2, gateway.said)


@pytest.mark.parametrize("client", ["192.0.2.1", "2001:db8::1", ""])
def test_g_2_a_proxys_connections_count_for_who_comes_by_them(client: str, tmp_path: Path) -> None:
    """G-2: so many for one address, an IPv6 network of 64 bits being one; what another one uses now is its own."""
    settings = GatewaySettings(path=str(tmp_path), no_auth=True, trusted_proxies=("127.0.0.1", "unix"))
    database = open_database(settings)
    access = Access(settings, database)
    places = Places(access.proxies.crowd)
    held: list[Seat] = []

    def enter(address: str) -> bool:
        seat = places.enter(socket.socket(), "127.0.0.1" if client else "")
        assert seat is not None
        held.append(seat)
        seat.works()
        request = Request("GET", "/", {"x-forwarded-for": address} if address else {}, True, 0)
        request.peer = "127.0.0.1" if client else ""
        return seat.admit(access.payer(request, ANYBODY))

    count = 0
    while enter(client.replace("::1", f"::{count + 1:x}")):
        count += 1
        assert count <= MAX_CONNECTIONS // 2
    assert enter("192.0.2.99")
    for seat in held:
        seat.leave()
        seat.connection.close()
    database.close()


def test_g_2_health_has_one_budget_for_all_its_looks() -> None:
    """G-2: two stores that are silent cost who asks one budget together, and are named; the third one's word counts.
    However often somebody asks, nobody looks twice at once."""
    go, begun = threading.Event(), [0, 0]

    def silent(number: int) -> list[str]:
        begun[number] += 1
        go.wait()
        return ["well again"]

    looks = [
        TimedLook("the database", lambda: silent(0)),
        TimedLook("the store", lambda: silent(1)),
        TimedLook("the rest", lambda: ["a word"]),
    ]
    late = f"did not answer within {BUDGET:.0f} seconds"

    def asked() -> float:
        started = time.monotonic()
        assert look_at_all(looks) == [[f"the database {late}"], [f"the store {late}"], ["a word"]]
        return time.monotonic() - started

    for _ in range(2):
        kept(BUDGET + 2, asked)
    assert begun == [1, 1]
    go.set()
    assert look_at_all(looks) == [["well again"], ["well again"], ["a word"]]


def test_g_2_who_asks_for_health_after_a_slow_look_is_told_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """G-2: the pause after a look is for the processor's sake, and nobody waits long for its end."""
    found, clock = iter(["first", "second"]), ManualClock()
    monkeypatch.setattr(shared_look, "monotonic", clock.monotonic)
    slow = shared_look.LONGEST_PAUSE / shared_look.PAUSE + 0.2

    def look() -> str:
        clock.advance(slow)
        return next(found)

    shared = SharedLook(look)
    assert shared.get() == "first"
    told: list[str] = []
    asking = threading.Thread(target=lambda: told.append(shared.get()), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    assert told == ["first"], "it waits for the end of the pause, which never comes while no time goes by"
    clock.advance(shared_look.PAUSE * slow + 1)
    assert shared.get() == "second"


def test_g_2_a_database_that_falls_silent_is_named_at_health(tmp_path: Path) -> None:
    """G-2: whoever asks is told within the budget which look did not end, and neither a path nor a host."""
    with postgres.running() as url, Gateway(tmp_path, flags=("--no-auth", "--database", url)) as gateway:
        gateway.make()
        folder = Path(url.rpartition("host=")[2])
        first = int((folder / "data/postmaster.pid").read_text().split()[0])
        backends = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        frozen = [first, *map(int, backends)]
        for process in frozen:
            os.kill(process, signal.SIGSTOP)
        try:

            def asked() -> float:
                started = time.monotonic()
                answer = gateway.ask("GET", "/health")
                assert answer.status == 503
                assert f"the database did not answer within {BUDGET:.0f} seconds" in answer.json()["problems"]
                assert not [one for one in answer.json()["problems"] if one.startswith("the store ")]
                return time.monotonic() - started

            for _ in range(2):
                kept(2 * BUDGET + 3, asked)
        finally:
            for process in frozen:
                os.kill(process, signal.SIGCONT)
        until(lambda: gateway.ask("GET", "/health").status == 200, gateway.said)
        os.kill(first, signal.SIGQUIT)
        until(lambda: not (folder / "data/postmaster.pid").exists(), gateway.said)
        until(lambda: len(gateway.ask("GET", "/health").json()["problems"]) > 1, gateway.said)
        assert str(folder) not in gateway.ask("GET", "/health").body.decode()
        pack = b"a pack"
        for _ in range(8):
            answer = gateway.ask("POST", f"/web01/data/{name_of(pack)}", pack)
            assert answer.status == 503, answer.body  # it passes: 500 would be a fault to look into
            assert str(folder) not in answer.body.decode()
        assert gateway.process is not None
        gateway.process.terminate()
        assert gateway.process.wait(PATIENCE) == 1  # what it had to write down is not
