"""The threat catalogue at the gateway: row S-1, what goes and comes behind its back, on a disk and in a bucket."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.base.clock import SystemClock
from strongroom.base.objects import Kind, ObjectName
from strongroom.gateway import schema
from strongroom.gateway.comparison import KINDS
from strongroom.gateway.ledger import Ledger
from strongroom.gateway.places.disk.place import DiskPlace
from strongroom.gateway.processes.state import open_database
from strongroom.gateway.settings import GatewaySettings
from strongroom.gateway.watch import losses
from strongroom.gateway.watch.losses import LossWatch
from strongroom.gateway.watch.metrics import Metrics
from strongroom.receipts.commit import schema as log_schema
from strongroom.receipts.commit.committer import Committer, Draft, commit_group
from strongroom.receipts.commit.log_state import ensure_log
from strongroom.receipts.log.leaf import LeafType
from strongroom.receipts.log.note import Signer
from tests.support.buckets import delete, keys, overwrite
from tests.support.servers import postgres
from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import Gateway, name_of, over_bucket
from tests.support.servers.minio import running
from tests.support.waiting import until

FLAGS = ("--append-only", "--prometheus", "--prometheus-no-auth")
PACKS = [b"pack %d" % number for number in range(3)]
LOST, STRAY = "objects that the log has and the store lacks: ", "objects that the store has without a receipt: "


@pytest.fixture(params=["disk", "bucket"])
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """An append-only gateway of two workers over each kind of place."""
    made = Gateway(tmp_path, flags=FLAGS) if request.param == "disk" else over_bucket(tmp_path, flags=FLAGS)
    made.workers, made.users = 2, {"x": "y"}
    with made:
        yield made


def add(gateway: Gateway, who: str, *more: str) -> str:
    """A principal with a repository of its name; its credentials."""
    code, said = operate(gateway, "principal", "add", who, "--repository", who, *more)
    assert code == 0, said
    return f"{who}:{said.strip()}"


def take_away(gateway: Gateway, path: str) -> None:
    """Remove an object with the store's own means."""
    if gateway.store:
        delete(running(), "plain", f"{prefix_of(gateway)}/{path}")
    else:
        (gateway.data / path).unlink()


def plant(gateway: Gateway, path: str, data: bytes) -> None:
    """Store an object with the store's own means; on a disk with an old stamp, as a copy may have."""
    if gateway.store:
        overwrite(running(), "plain", f"{prefix_of(gateway)}/{path}", data)
    else:
        (gateway.data / path).parent.mkdir(exist_ok=True)
        (gateway.data / path).write_bytes(data)
        os.utime(gateway.data / path, (1_600_000_000, 1_600_000_000))


def prefix_of(gateway: Gateway) -> str:
    """The gateway's prefix in its bucket."""
    return gateway.store.partition("?")[0].rpartition("/")[2]


def pack(data: bytes) -> str:
    """A pack's path in a repository."""
    return f"data/{name_of(data)[:2]}/{name_of(data)}"


def a_day_later(gateway: Gateway) -> None:
    """Let all comparisons be due, and wait until they are made."""
    state = gateway.home if gateway.store else gateway.data / ".strongroom"
    now = time.time_ns()
    with sqlite3.connect(state / "gateway.db") as db:
        db.execute("UPDATE repository SET created_ns = 0")
        db.execute("UPDATE comparison SET next_ns = 0")
    db.close()
    auditor = add(gateway, f"auditor{now}", "--repository", "*", "--role", "auditor")

    def compared() -> bool:
        found = status(gateway, auditor)  # one that was never compared is not among them
        return len(found) == len(gateway.rows("SELECT id FROM repository")) and all(one["at_ns"] > now for one in found)

    until(compared, gateway.said)


def status(gateway: Gateway, who: str) -> list[dict[str, Any]]:
    """What somebody is told of the comparisons."""
    found = gateway.ask("GET", "/.strongroom/v1/status", user=who).json()["compared"]
    assert isinstance(found, list)
    return found


def warnings(gateway: Gateway) -> list[str]:
    """What /health says of losses; it is 200, since objects are taken in."""
    health = gateway.ask("GET", "/health")
    assert health.status == 200
    return [one for one in json.loads(health.body)["warnings"] if one.startswith((LOST, STRAY))]


def test_s_1_what_was_taken_away_is_an_alarm(gateway: Gateway) -> None:
    """S-1: what is gone and what has no receipt is told in all places, once, until it is back or explained."""
    alice, bob = add(gateway, "alice"), add(gateway, "bob")
    for who in (alice, bob):
        gateway.make(who.partition(":")[0], who)
        for data in PACKS:
            assert gateway.put(f"/{who.partition(':')[0]}/data/{name_of(data)}", data, who) == 200
    a_day_later(gateway)
    assert warnings(gateway) == []
    assert [(one["path"], one["lost"], one["said"]) for one in status(gateway, alice)] == [("alice", 0, "")]
    take_away(gateway, f"alice/{pack(PACKS[1])}")
    stray = b"planted"
    plant(gateway, f"bob/index/{name_of(stray)}", stray)
    # what has just come to a bucket may still be on its way: strays are counted when they are an hour old
    found = [f"{LOST}1"] + [f"{STRAY}1"] * (not gateway.store)
    for _ in range(2):
        a_day_later(gateway)
        until(lambda: warnings(gateway) == found, gateway.said)
    (told,) = status(gateway, alice)
    assert told["lost"] == 1
    assert name_of(PACKS[1]) in str(told["said"])
    assert name_of(PACKS[0]) not in str(told["said"])
    assert "alice" not in str(status(gateway, bob))  # others' losses are nobody's business
    assert gateway.said().count(f"{LOST}1 (data/{name_of(PACKS[1])})") == 1
    until(lambda: 'strongroom_lost_objects{repo="alice"} 1.0' in gateway.ask("GET", "/metrics").body.decode())
    assert 'strongroom_lost_objects{repo="bob"} 0.0' in gateway.ask("GET", "/metrics").body.decode()
    if not gateway.store:
        assert gateway.said().count(f"{STRAY}1 (index/{name_of(stray)}") == 1
    assert gateway.put(f"/alice/data/{name_of(PACKS[1])}", PACKS[1], alice) == 200  # a host may bring it back
    take_away(gateway, f"bob/{pack(PACKS[2])}")
    assert operate(gateway, "reconcile", "bob", "--reason", "tidied up")[0] == 0
    until(lambda: [one for one in warnings(gateway) if one.startswith(STRAY)] == [], gateway.said)
    a_day_later(gateway)
    until(lambda: warnings(gateway) == [], gateway.said)
    alarms = [one for one in leaves(gateway) if one.type is LeafType.ALARM]
    assert len(alarms) == 1 + (not gateway.store)
    assert all(one.principal == "" and one.kind == "" for one in alarms)
    assert sum(name_of(PACKS[1]) in one.detail for one in alarms) == 1


def test_s_1_an_emptied_repository_is_found_without_anybody_asking(gateway: Gateway) -> None:
    """S-1: a repository of which nothing is left, not even its ID, is an alarm for each of its objects."""
    alice = add(gateway, "alice")
    gateway.make("alice", alice)
    for data in PACKS:
        assert gateway.put(f"/alice/data/{name_of(data)}", data, alice) == 200
    if gateway.store:
        for key in keys(running(), "plain", f"{prefix_of(gateway)}/alice/"):
            delete(running(), "plain", key)
    else:
        shutil.rmtree(gateway.data / "alice")
    a_day_later(gateway)
    body = gateway.ask("GET", "/health").json()
    assert f"{LOST}4" in body["warnings"]
    assert f"{LOST}4 (config, data/" in gateway.said()
    code, said = operate(gateway, "reconcile", "alice", "--reason", "the host was retired")
    assert (code, said.splitlines()[0]) == (0, "4 objects have gone, 0 were there without a receipt")
    until(lambda: gateway.ask("GET", "/health").status == 200, gateway.said)
    until(lambda: warnings(gateway) == [], gateway.said)
    assert sorted(one.type.value for one in leaves(gateway))[:2] == ["alarm", "create"]


def test_s_1_a_config_that_was_taken_away_is_not_written_anew(gateway: Gateway) -> None:
    """S-1, K-5: without its config a repository takes no other one, and says so with 500, never with 404."""
    alice = add(gateway, "alice")
    config = gateway.make("alice", alice)
    take_away(gateway, "alice/config")
    for method in ("GET", "HEAD"):
        assert gateway.ask(method, "/alice/config", user=alice).status == 500
    assert gateway.put("/alice/?create=true", b"", alice) == 200
    for other in (b"another polynomial", config):
        assert gateway.put("/alice/config", other, alice) == 403
    assert operate(gateway, "reconcile", "alice", "--reason", "made anew")[0] == 0
    assert gateway.ask("GET", "/alice/config", user=alice).status == 404
    assert gateway.put("/alice/config", b"another polynomial", alice) == 200
    made = [(one.type, one.sha256) for one in leaves(gateway) if one.kind == "config"]
    assert made[0] == (LeafType.CREATE, name_of(config))
    assert made[-1] == (LeafType.CREATE, name_of(b"another polynomial"))


def test_asking_makes_no_repository(tmp_path: Path) -> None:
    """A folder that is no repository gets nothing of ours from being asked for its config."""
    with Gateway(tmp_path) as gateway:
        (gateway.data / "photos").mkdir()
        assert gateway.ask("GET", "/photos/config").status == 404
        assert list((gateway.data / "photos").iterdir()) == []


def test_s_1_many_gateways_compare_once(tmp_path: Path) -> None:
    """S-1: of gateways that share a PostgreSQL one compares a repository and says so, once; a lost lot is counted."""
    with postgres.running() as url:
        settings = GatewaySettings(path=str(tmp_path), database=url, append_only=True)
        database = open_database(settings)
        ensure_log(database, "backup.example/.strongroom/log")
        repository = DiskPlace(settings, database).create(("alice",))
        names = [ObjectName(kind, name_of(bytes([number]))) for kind in KINDS[1:] for number in range(30)]
        drafts = [Draft(LeafType.CREATE, repository.id, kind=one.kind.value, name=one.name) for one in names]
        commit_group(database, drafts, SystemClock(), "")
        for one in names[1:]:
            repository.store.create(one, b"x")
        with database.write() as connection:
            connection.execute(schema.repository.update().values(created_ns=0))
        signer = Signer("backup.example/.strongroom/log", Ed25519PrivateKey.generate())
        stopped = threading.Event()
        watches = []
        opened = [database]
        for _ in range(3):
            opened.append(own := open_database(settings))
            committer = Committer(own, SystemClock())
            ledger = Ledger(own, signer, SystemClock(), committer)
            watches.append(LossWatch(own, ledger, DiskPlace(settings, own), Metrics(enabled=False)))

        def told() -> int:
            alarms = sa.select(sa.func.count()).where(log_schema.leaf.c.kind == "")
            with database.read() as connection:
                return int(connection.execute(alarms).scalar_one())

        threads = [threading.Thread(target=one.watch, args=(stopped.is_set,), daemon=True) for one in watches]
        for thread in threads:
            thread.start()
        until(lambda: watches[0].found() and told())
        time.sleep(3)  # for the others, who say nothing more
        stopped.set()
        for thread in threads:
            thread.join()
        (found,) = watches[2].found()
        assert (found.path, found.lost, found.unlogged) == ("alice", 1, 0)
        assert f"({names[0]})" in found.said
        assert told() == 1
        for each in opened:
            each.close()


def test_what_is_on_its_way_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that is there, or whose removal is logged, when it is asked for again is in no alarm."""
    settings = GatewaySettings(path=str(tmp_path), append_only=True)
    database = open_database(settings)
    place = DiskPlace(settings, database)
    repository = place.create(("alice",))
    came, went, gone = (ObjectName(Kind.DATA, name_of(bytes([number]))) for number in range(3))

    def log(kind: LeafType, *names: ObjectName) -> None:
        drafts = [Draft(kind, repository.id, kind=one.kind.value, name=one.name) for one in names]
        commit_group(database, drafts, SystemClock(), "")

    def meanwhile(_seconds: float, _stopping: object) -> None:
        repository.store.create(came, b"x")
        log(LeafType.TRASH, went)

    log(LeafType.CREATE, came, went, gone)
    monkeypatch.setattr(losses, "_pause", meanwhile)
    committer = Committer(database, SystemClock())
    signer = Signer("backup.example/.strongroom/log", Ed25519PrivateKey.generate())
    ledger = Ledger(database, signer, SystemClock(), committer)
    watch = LossWatch(database, ledger, place, Metrics(enabled=False))
    found = watch.compare(repository.id, "alice", lambda: False)
    assert found is not None
    assert (found.lost, found.unlogged) == (1, 0)
    assert str(gone) in found.said
    assert str(came) not in found.said
    committer.close()
    database.close()
