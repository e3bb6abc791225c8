"""What is counted is what lies in the store, whatever was sent, deleted, brought back, purged, and killed meanwhile."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from strongroom.base.objects import Kind
from strongroom.gateway.paths import folders_of
from strongroom.gateway.places.opening import open_place
from strongroom.gateway.processes.state import open_database
from strongroom.gateway.settings import GatewaySettings
from tests.support.servers import postgres
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, name_of, over_bucket
from tests.support.servers.replies import chunked
from tests.support.waiting import until

KINDS = ("data", "index", "snapshots")
ROUNDS = 3
"""Of a burst of requests and a kill in the middle of it."""
BURST = 40


@pytest.fixture(params=["trash", "trash on PostgreSQL", "disk", "bucket"])
def counted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with limits that are never reached: one with hosts and a custodian, or one where all may delete."""
    flags: tuple[str, ...] = ("--max-size", str(1 << 40))
    trash = request.param.startswith("trash")
    flags = (*flags, "--append-only") if trash else (*flags, "--no-auth")
    made = over_bucket(tmp_path, flags=flags) if request.param == "bucket" else Gateway(tmp_path, flags=flags)
    made.workers, made.users = 2, {"x": "y"} if trash else {}
    with contextlib.ExitStack() as stack:
        if "PostgreSQL" in request.param:
            made.flags = (*flags, "--database", stack.enter_context(postgres.running()))
        yield made
        made.stop()


class Crowd:
    """Those who send and delete; it knows who sent what."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        self._gateway = gateway
        self._dice = random.Random(seed)
        self.senders: dict[str, str] = {}
        """Path to the name of who sends it; all together where there are no names."""
        self._hosts: dict[str, str | None] = {"": None}
        self._judge: str | None = None
        self.has_trash = bool(gateway.users)

    def add(self) -> None:
        """Principals, and the repository."""
        if self.has_trash:
            for who in ("one", "two"):
                said = operate(self._gateway, "principal", "add", who, "--repository", "r", "--quota", "1T")[1]
                self._hosts[who] = f"{who}:{said.strip()}"
            del self._hosts[""]
            words = ("principal", "add", "judge", "--repository", "r", "--role", "custodian")
            self._judge = f"judge:{operate(self._gateway, *words)[1].strip()}"
        who = next(iter(self._hosts))
        self._gateway.make("r", self._hosts[who])
        self.senders["/r/config"] = who

    def act(self, number: int) -> None:
        """One request, of whatever kind; its connection may break."""
        dice = random.Random(self._dice.random() + number)
        who = dice.choice(list(self._hosts))
        try:
            if dice.random() < 0.6 or len(self.senders) < 5:
                data = dice.randbytes(dice.randrange(1, 40_000))
                path = f"/r/{dice.choice(KINDS)}/{name_of(data)}"
                self.senders[path] = who
                for _ in range(dice.choice((1, 1, 2))):
                    self._send(path, data, who, whole=dice.random() < 0.5)
            else:
                path = dice.choice(list(self.senders)[1:])
                for _ in range(2):
                    self._gateway.ask("DELETE", path, user=self._judge)
        except (OSError, AssertionError, ValueError, IndexError):
            pass  # killed within

    def _send(self, path: str, data: bytes, who: str, *, whole: bool) -> None:
        user = self._hosts[who]
        headers = {} if whole else {"Transfer-Encoding": "chunked"}
        self._gateway.ask("POST", path, data if whole else chunked(data), headers, user)

    def tidy(self) -> None:
        """What an operator does: bring something back, and purge the rest of an expired day."""
        held = operate(self._gateway, "trash", "list", "r")[1].split()[2::4]
        if held:
            operate(self._gateway, "trash", "restore", "r", self._dice.choice(held))
        for folder in (self._gateway.data / "r/.strongroom/trash").iterdir():
            if self._dice.random() < 0.5:
                folder.rename(folder.with_name(f"2020-01-{self._dice.randrange(10, 29)}"))
        assert "objects were removed" in operate(self._gateway, "trash", "purge", "r", "--clock-kept-outside")[1]


def lying(gateway: Gateway, senders: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Bytes and objects that lie in the store, by who sent them, and all together."""
    with pytest.MonkeyPatch.context() as patch:  # for this long: other tests of this process have no credentials
        for name, value in gateway.variables.items():
            patch.setenv(name, value)
        return _lying(gateway, senders)


def _lying(gateway: Gateway, senders: dict[str, str]) -> dict[str, tuple[int, int]]:
    if gateway.store:
        settings = GatewaySettings(path="", store=gateway.store, state=str(gateway.home))
    else:
        settings = GatewaySettings(path=str(gateway.data), database=gateway.database)
    database = open_database(settings)
    place = open_place(settings, database)
    sums: dict[str, tuple[int, int]] = {}
    store = place.find(folders_of("r")).store
    for kind in (Kind.CONFIG, Kind.DATA, Kind.INDEX, Kind.SNAPSHOT):
        for info in store.list(kind):
            path = "/r/config" if kind is Kind.CONFIG else f"/r/{kind.value}/{info.name.name}"
            for who in {senders[path], "*"}:
                size, count = sums.get(who, (0, 0))
                sums[who] = (size + info.size, count + 1)
    place.close()
    database.close()
    return sums


def counts(gateway: Gateway) -> dict[str, tuple[int, int]]:
    """What is counted, by the same names."""
    named = "usage LEFT JOIN principal ON id = usage.principal"
    rows = gateway.rows(f"SELECT coalesce(name, usage.principal), bytes, objects FROM {named}")
    return {str(who): (int(size), int(count)) for who, size, count in rows if count or size}


@pytest.mark.parametrize("seed", [1])
def test_the_sums_are_what_lies_in_the_store(counted: Gateway, seed: int) -> None:
    """After bursts of uploads, deletes, restores and purges with a kill in each: every sum is exact, to the byte."""
    crowd = Crowd(counted, seed)
    counted.start()
    crowd.add()
    for turn in range(ROUNDS):
        with ThreadPoolExecutor(8) as pool:
            burst = [pool.submit(crowd.act, number) for number in range(BURST)]
            burst[BURST // 2].result()
            if turn:
                counted.kill()
        if turn:
            counted.start()
        if crowd.has_trash:
            until(lambda: not list((counted.data / "r/.strongroom/tmp").iterdir()), counted.said)
            crowd.tidy()
        until(
            lambda: counts(counted) == lying(counted, crowd.senders),
            lambda: f"{counts(counted)} {lying(counted, crowd.senders)} {counted.said()}",
            pause=1.0,
        )
    assert counts(counted)["*"][1] > 20
