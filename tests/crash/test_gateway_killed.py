"""The gateway under kill -9 at random moments of a load: nothing acknowledged is lost, and the log verifies."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.receipts.audit import audit
from strongroom.receipts.leaf import LeafType
from strongroom.receipts.log_source import FolderSource
from strongroom.receipts.note import Verifier
from strongroom.receipts.show import entries
from tests.support import postgres
from tests.support.gateways import Gateway, name_of

KILLS = int(os.environ.get("STRONGROOM_KILLS", "6"))
"""For each database; ``STRONGROOM_KILLS=50`` for the full count."""
KINDS = ("data", "index", "snapshots", "data")


def load(gateway: Gateway, seed: int, acknowledged: dict[str, bytes], stop: threading.Event) -> None:
    """Upload objects until told to stop, and remember those that were acknowledged."""
    dice = random.Random(seed)
    while not stop.is_set():
        data = dice.randbytes(dice.choice((200, 20_000, 300_000)))
        path = f"/web01/{dice.choice(KINDS)}/{name_of(data)}"
        try:
            if gateway.put(path, data) == 200:
                acknowledged[path] = data
        except (OSError, AssertionError):
            continue


@pytest.fixture(params=["sqlite", "postgresql"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with the shipped number of workers over each kind of database, not started yet."""
    flags = ("--no-auth", "--append-only")
    if request.param == "sqlite":
        yield Gateway(tmp_path, flags, workers=2)
    else:
        with postgres.running() as url:
            yield Gateway(tmp_path, (*flags, "--database", url), workers=2)


def test_killed_at_random_under_load(gateway: Gateway) -> None:
    """After each kill the gateway starts again; at the end every acknowledged object is there, receipted once."""
    gateway.start()
    gateway.make()
    acknowledged: dict[str, bytes] = {}
    dice = random.Random(1)
    moments = []
    for number in range(KILLS):
        stop = threading.Event()
        threads = [threading.Thread(target=load, args=(gateway, number * 10 + n, acknowledged, stop)) for n in range(6)]
        before = len(acknowledged)
        for thread in threads:
            thread.start()
        time.sleep(dice.uniform(0.1, 0.7))
        gateway.kill()
        stop.set()
        for thread in threads:
            thread.join()
        moments.append(len(acknowledged) - before)
        gateway.start(listen=gateway.address)
    for path, data in acknowledged.items():
        assert gateway.ask("GET", path).body == data
    time.sleep(1.5)
    gateway.stop()
    print(f"acknowledged before each kill: {moments}")
    assert len(acknowledged) > KILLS
    assert list((gateway.data / "web01/.strongroom/tmp").iterdir()) == []
    source = FolderSource(str(gateway.log))
    audit(source, key=Verifier.parse(gateway.key))
    logged = [(r.kind, r.name) for _, r in entries(source, 0, 1_000_000) if r.type is not LeafType.TRASH]
    assert len(logged) == len(set(logged))
    stored = {
        (kind, path.name)
        for kind in set(KINDS)
        for path in (gateway.data / "web01" / kind).rglob("*")
        if path.is_file()
    }
    assert stored == {one for one in logged if one[0] != "config"}


def test_what_was_published_without_a_receipt_gets_one(tmp_path: Path) -> None:
    """A gateway that died between link and receipt gives the object its receipt at the next start, with its maker."""
    gateway = Gateway(tmp_path)
    gateway.start()
    gateway.make()
    gateway.stop()
    data, half = b"published", b"unfinished"
    folder = gateway.data / "web01"
    maker = "c" * 32
    for kind, content in (("data", data), ("index", half)):
        name = name_of(content)
        left = folder / f".strongroom/tmp/gate-{kind}-{name}-{maker}-{'0' * 16}"
        left.write_bytes(content)
        if kind == "data":
            os.link(left, folder / "data" / name[:2] / name)
    gateway.start()
    begun = time.monotonic()
    while list((folder / ".strongroom/tmp").iterdir()):
        assert time.monotonic() - begun < 10
        time.sleep(0.05)
    assert gateway.put(f"/web01/data/{name_of(data)}", data) == 200
    gateway.stop()
    found = [r for _, r in entries(FolderSource(str(gateway.log)), 0, 100)][1:]
    assert [(r.type, r.name, r.principal) for r in found] == [(LeafType.RECOVERED, name_of(data), maker)]
