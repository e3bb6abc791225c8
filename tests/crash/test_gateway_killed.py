"""The gateway under kill -9 at random moments of a load: nothing acknowledged is lost, and the log verifies."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from strongroom.receipts.audit.audit import audit
from strongroom.receipts.audit.entries import entries
from strongroom.receipts.audit.log_source import FolderSource
from strongroom.receipts.commit.signing_key import load_or_create
from strongroom.receipts.log.leaf import LeafType
from strongroom.receipts.log.note import Verifier
from tests.support.servers import postgres
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import until

KILLS = int(os.environ.get("STRONGROOM_KILLS", "26"))
"""For each kind of database, so that the suite has more than fifty."""
KINDS = ("data", "index", "snapshots", "data")
ORIGIN = "backup.example/.strongroom/log"


@dataclass
class Load:
    """Clients that upload to whichever gateway answers, for as long as the context lasts."""

    gateways: list[Gateway]
    clients: int = 6
    acknowledged: dict[str, bytes] = field(default_factory=dict)
    ended: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self.threads = [threading.Thread(target=self._work, args=(n,)) for n in range(self.clients)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _work(self, seed: int) -> None:
        dice = random.Random(seed)
        while not self.ended.is_set():
            data = dice.randbytes(dice.choice((200, 20_000, 300_000)))
            path = f"/web01/{dice.choice(KINDS)}/{name_of(data)}"
            try:
                if dice.choice(self.gateways).put(path, data) == 200:
                    self.acknowledged[path] = data
            except (OSError, AssertionError):
                time.sleep(0.01)


def kill_at_random(gateways: list[Gateway], load: Load, kills: int = KILLS) -> tuple[int, int]:
    """Kill single processes, and now and then whole gateways, also all at once. How many of each kind of kill."""
    dice = random.Random(1)
    single = whole = 0
    while single + whole < kills:
        time.sleep(dice.uniform(0.02, 0.35))
        one = dice.choice(gateways)
        if (single + whole) % 6 < 5:
            for child in dice.sample(one.children() or [0], 1):
                if not child:
                    break  # the last one has died, and its successor is still to come
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
                    single += 1
            continue
        dying = gateways if dice.random() < 0.5 else [one]
        for gateway in dying:
            gateway.kill()
        whole += len(dying)
        for gateway in dying:
            gateway.start()
        before = len(load.acknowledged)  # it must take objects in again before it is killed again
        until(lambda before=before: len(load.acknowledged) > before, one.said)  # type: ignore[misc]
    until(lambda: len(load.acknowledged) > kills, gateways[0].said)
    return single, whole


def open_files(process: int) -> list[str]:
    """What a process has open, by name."""
    found = []
    for one in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(one))
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def gateways(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[Gateway]]:
    """A gateway as shipped over SQLite, or two of them over one PostgreSQL, one folder and one key."""
    flags: tuple[str, ...] = ("--no-auth", "--append-only")
    if request.param == "sqlite":
        yield [Gateway(tmp_path, flags, workers=2)]
        return
    key = tmp_path / "log.key"
    load_or_create(str(key), ORIGIN)
    with postgres.running() as url:
        flags = (*flags, "--database", url, "--signing-key", str(key))
        folders = [tmp_path / "one", tmp_path / "two"]
        yield [
            Gateway(folder, (*flags, "--state", str(folder / "state")), workers=2, place=tmp_path / "data")
            for folder in folders
        ]


def test_killed_at_random_under_load(gateways: list[Gateway]) -> None:
    """Killed more than fifty times in all, in parts and as a whole: at the end every acknowledged object is there with
    one receipt, the log verifies, and no temporary file and no open one is left."""
    for gateway in gateways:
        gateway.start()
    first = gateways[0]
    first.make()
    with Load(gateways) as load:
        killed = kill_at_random(gateways, load)
    acknowledged = load.acknowledged
    print(f"killed {killed[0]} processes and {killed[1]} gateways; {len(acknowledged)} objects acknowledged")
    assert killed[1] >= 3
    assert len(acknowledged) > KILLS
    for gateway in gateways:  # a worker looks for what the dead have left when it starts
        gateway.kill()
        gateway.start()
    for number, (path, data) in enumerate(acknowledged.items()):
        assert gateways[number % len(gateways)].ask("GET", path).body == data
    folder = first.data / "web01"
    until(lambda: not os.listdir(folder / ".strongroom/tmp"), first.said)
    first.settle()
    for gateway in gateways:
        for child in gateway.children():
            until(lambda child=child: not [one for one in open_files(child) if "/web01/" in one], first.said)  # type: ignore[misc]
        gateway.stop()
    source = FolderSource(str(first.log))
    audit(source, key=Verifier.parse(first.key))
    logged = [(r.kind, r.name) for _, r in entries(source, 0, 1_000_000)]
    assert len(logged) == len(set(logged))
    stored = {(kind, path.name) for kind in set(KINDS) for path in (folder / kind).rglob("*") if path.is_file()}
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
            (folder / "data" / name[:2]).mkdir()
            os.link(left, folder / "data" / name[:2] / name)
    gateway.start()
    until(lambda: not os.listdir(folder / ".strongroom/tmp"), gateway.said)
    assert gateway.put(f"/web01/data/{name_of(data)}", data) == 200
    gateway.stop()
    found = [r for _, r in entries(FolderSource(str(gateway.log)), 0, 100)][1:]
    assert [(r.type, r.name, r.principal) for r in found] == [(LeafType.RECOVERED, name_of(data), maker)]


def test_a_receipt_that_failed_is_made_up_for_without_a_restart(tmp_path: Path) -> None:
    """When the process that commits receipts dies under an upload, the client is told to ask again, and the object that
    is published already gets its receipt all the same, once."""
    with Gateway(tmp_path) as gateway:
        gateway.make()
        tried = 0

        def broken_off() -> bool:
            """An upload whose receipt was asked for when the process died: one that was not asked for yet is made by
            the next process, and all is well."""
            nonlocal tried
            tried += 1
            committing = gateway.children()[0 if tried == 1 else -1]  # what is started anew is the newest
            os.kill(committing, signal.SIGSTOP)
            data = b"published and not acknowledged %d" % tried
            statuses: list[int] = []
            upload = threading.Thread(target=lambda: statuses.append(gateway.put(f"/web01/data/{name_of(data)}", data)))
            upload.start()
            target = gateway.data / "web01/data" / name_of(data)[:2] / name_of(data)
            until(target.exists, gateway.said)
            os.kill(committing, signal.SIGKILL)
            upload.join()
            left = gateway.data / "web01/.strongroom/tmp"
            until(lambda: not os.listdir(left), gateway.said)
            assert gateway.put(f"/web01/data/{name_of(data)}", data) == 200
            assert statuses in ([200], [503])
            return statuses == [503]

        until(broken_off, gateway.said)
    found = [r.type for _, r in entries(FolderSource(str(gateway.log)), 0, 100)]
    assert found == [LeafType.CREATE] * tried + [LeafType.RECOVERED]
