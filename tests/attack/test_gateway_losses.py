"""The threat catalogue at the gateway: row S-1, what goes and comes behind its back, on a disk and in a bucket."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.receipts.leaf import LeafType
from tests.support.buckets import delete, keys, overwrite
from tests.support.gateways import Gateway, leaves, name_of, operate, over_bucket, until
from tests.support.minio import running

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
        found = status(gateway, auditor)
        return bool(found) and all(one["at_ns"] > now for one in found)

    until(compared, 40)


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
    for _ in range(2):
        a_day_later(gateway)
        # what has just come to a bucket may still be on its way: strays are counted when they are an hour old
        assert warnings(gateway) == [f"{LOST}1"] + [f"{STRAY}1"] * (not gateway.store)
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
    assert [one for one in warnings(gateway) if one.startswith(STRAY)] == []
    a_day_later(gateway)
    assert warnings(gateway) == []
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
    until(lambda: gateway.ask("GET", "/health").status == 200, 60)
    assert warnings(gateway) == []
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
