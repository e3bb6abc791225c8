"""The gateway before a bucket: doubtful uploads, the spool, adoption, the log in the bucket."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.receipts.audit.audit import audit
from strongroom.receipts.commit.signing_key import load_or_create
from strongroom.receipts.log.leaf import LeafType
from strongroom.receipts.log.note import Verifier
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.support.buckets import keys
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers import emulators, postgres
from tests.support.servers.gateway_inside import leaves
from tests.support.servers.gateways import Gateway, name_of, over_bucket
from tests.support.servers.liar import Liar
from tests.support.servers.minio import running
from tests.support.servers.replies import read_reply
from tests.support.waiting import PATIENCE, until


def packs(count: int, size: int = 1000) -> list[tuple[str, bytes]]:
    """Random packs with their paths."""
    found = [os.urandom(size) for _ in range(count)]
    return [(f"/web01/data/{name_of(data)}", data) for data in found]


def intents(gateway: Gateway) -> int:
    """How many uploads are neither receipted nor settled."""
    return len(gateway.rows("SELECT * FROM intent"))


def spooled(gateway: Gateway) -> int:
    """How many bytes of uploads lie in the spool, in files that have no name."""
    size = 0
    for one in (one for child in gateway.children() for one in Path(f"/proc/{child}/fd").iterdir()):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            size += one.stat().st_size if os.readlink(one).startswith(f"{gateway.home}/spool/#") else 0
    return size


def test_a_doubtful_upload_is_settled_by_the_gateway(tmp_path: Path) -> None:
    """Lost answers, conflicts and passing faults end in 200 with one receipt each; a lasting refusal is no 403."""
    with Liar(running(), honest=True) as proxy, over_bucket(tmp_path, endpoint=proxy.endpoint) as gateway:
        gateway.make()
        sent = packs(5)
        faults = (
            "lost",
            "409 ConditionalRequestConflict",
            "503 SlowDown,lost",
            "500 InternalError,500 InternalError",
            "",
        )
        for (path, data), fault in zip(sent, faults, strict=True):
            proxy.faults = fault.split(",") if fault else []
            assert gateway.put(path, data) == 200
            assert gateway.ask("GET", path).body == data
            if fault == "lost":  # the store's own sum settles it: nothing is read back
                name = path.rpartition("/")[2]
                assert [what for what, where in proxy.asked if name in where] == ["PUT", "PUT", "HEAD", "GET"]
        (path, data), (full_path, full) = packs(2)
        proxy.faults = ["403 AccessDenied"]
        assert gateway.put(path, data) == 500
        proxy.faults = ["507 XMinioStorageFull"]
        assert gateway.put(full_path, full) == 507
        assert gateway.ask("HEAD", path).status == 404
        for path, data in sent:  # again: no new receipt
            assert gateway.put(path, data) == 200
        until(lambda: intents(gateway) == 0, gateway.said)
        assert proxy.deletions == 0
        found = leaves(gateway)
    assert [receipt.type for receipt in found] == [LeafType.CREATE] * 6


def test_the_spool_has_a_budget(tmp_path: Path) -> None:
    """Beyond the policy file's budget clients are slowed down, declared or chunked, and nothing stays on the disk."""
    policy = tmp_path / "gateway.toml"
    gateway = over_bucket(tmp_path, flags=("--config", str(policy)))
    lines = [f'store = "{gateway.store}"', "no_auth = true", "append_only = true", f"spool_bytes = {3 << 20}"]
    policy.write_text("\n".join(["version = 1", "[server]", *lines]))
    with gateway:
        gateway.make()
        (path, data), (second, other), *_ = packs(2, 2 << 20)
        spool = gateway.home / "spool"
        with gateway.connect() as slow:
            slow.sendall(gateway.head("POST", path, {"Content-Length": str(len(data)), "Connection": "close"}))
            slow.sendall(data[: 1 << 20])
            until(lambda: spooled(gateway) == 1 << 20, gateway.said)
            assert gateway.put(second, other) == 503
            with gateway.connect() as chunks:
                head = gateway.head("POST", second, {"Transfer-Encoding": "chunked", "Connection": "close"})
                chunks.sendall(head + b"%x\r\n%b\r\n" % (len(other), other))
                assert read_reply(chunks).status == 503
            slow.sendall(data[1 << 20 :])
            assert read_reply(slow).status == 200
        assert gateway.put(second, other) == 200
        assert gateway.ask("POST", path, headers={"Content-Length": str(4 << 20)}).status == 507  # it never would fit
        with gateway.connect() as broken:
            broken.sendall(gateway.head("POST", path, {"Content-Length": "100"}) + b"x")
            broken.shutdown(socket.SHUT_RDWR)
        until(lambda: [name.partition("-")[0] for name in os.listdir(spool)] == ["owner"], gateway.said)
        gateway.stop()
        assert list(spool.iterdir()) == []


def test_two_gateways_before_one_bucket(tmp_path: Path) -> None:
    """With one PostgreSQL and one key they are one: 16 keys are the most, and each sees the other's locks."""
    key = tmp_path / "log.key"
    load_or_create(str(key), "backup.example/.strongroom/log")
    with postgres.running() as url:
        flags = ("--no-auth", "--append-only", "--database", url, "--signing-key", str(key))
        first, second = (over_bucket(tmp_path / name, flags=flags) for name in ("first", "second"))
        second.store = first.store
        with first, second:
            first.make()
            answers: list[int] = []

            def add(number: int) -> None:
                data = b"key %d" % number
                answers.append((first, second)[number % 2].put(f"/web01/keys/{name_of(data)}", data))

            threads = [threading.Thread(target=add, args=(number,)) for number in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(answers) == [200] * 16 + [403] * 4
            lock = b"a lock"
            assert first.put(f"/web01/locks/{name_of(lock)}", lock) == 200
            assert second.ask("GET", "/web01/locks/").json() == [name_of(lock)]
            assert second.ask("DELETE", f"/web01/locks/{name_of(lock)}").status == 200
            assert first.ask("GET", "/web01/locks/").body == b"[]"
            second.stop()
            assert len(leaves(first)) == 17
            audit(first.source, key=Verifier.parse(first.key))


@pytest.mark.parametrize("provider", ["google", "azure"])
def test_other_providers(tmp_path: Path, provider: str) -> None:
    """Google and Azure (emulated) work as S3 does, and the gateway says that they check no SHA-256."""
    endpoint = emulators.google() if provider == "google" else emulators.azure()
    scheme = "gs" if provider == "google" else "az"
    gateway = Gateway(tmp_path, store=f"{scheme}://plain/{name_of(os.urandom(8))[:16]}?endpoint={endpoint}")
    gateway.variables = {} if provider == "google" else emulators.azure_environment()
    with gateway:
        assert "not SHA-256" in gateway.said()
        config = gateway.make()
        assert gateway.put("/web01/config", b"another") == 403
        sent = packs(3, 70_000)
        for path, data in sent:
            assert [gateway.put(path, data), gateway.put(path, data)] == [200, 200]
            assert gateway.ask("GET", path, headers={"Range": "bytes=7-69999"}).body == data[7:]
        assert gateway.ask("GET", "/web01/config").body == config
        names = sorted(path.rpartition("/")[2] for path, _ in sent)
        assert gateway.ask("GET", "/web01/data/").json() == names
        health = gateway.ask("GET", "/health").json()
        assert (health["ok"], health["promises"]["create only if absent"]) == (True, "kept")
        assert len(leaves(gateway)) == 4


def test_killed_around_the_put(tmp_path: Path) -> None:
    """Killed after the store has it, an object gets its `recovered` receipt; killed before, it leaves nothing."""
    with Liar(running(), honest=True) as proxy, over_bucket(tmp_path, endpoint=proxy.endpoint) as gateway:
        gateway.make()
        until(lambda: intents(gateway) == 0, gateway.said)
        sent = packs(2)
        for (path, data), fault in zip(sent, ("hold after", "hold before"), strict=True):
            proxy.faults = [fault]
            sender = threading.Thread(target=_send, args=(gateway, path, data))
            sender.start()
            assert proxy.holding.wait(PATIENCE)
            gateway.kill()
            sender.join()
            proxy.holding.clear()
            assert intents(gateway) == 1
            with sqlite3.connect(gateway.home / "gateway.db", timeout=PATIENCE) as database:
                database.execute("UPDATE intent SET created_ns = 0")  # long ago: the store is at work on it no more
            gateway.start()
            until(lambda: intents(gateway) == 0, gateway.said)
        assert gateway.ask("GET", sent[0][0]).body == sent[0][1]
        assert gateway.ask("GET", sent[1][0]).status == 404
        for path, data in sent:
            assert gateway.put(path, data) == 200
        gateway.settle()
        found = leaves(gateway)
        assert [(r.type, r.name) for r in found[1:]] == [
            (LeafType.RECOVERED, sent[0][0].rpartition("/")[2]),
            (LeafType.CREATE, sent[1][0].rpartition("/")[2]),
        ]
        assert list((gateway.home / "spool").iterdir()) == []


def _send(gateway: Gateway, path: str, data: bytes) -> None:
    try:
        gateway.put(path, data)
    except (OSError, AssertionError):
        return


def test_what_others_wrote_is_adopted(tmp_path: Path) -> None:
    """A repository that a stock client wrote into the bucket is served at once, begins frozen, and gets its leaves
    with the store's dates."""
    gateway = over_bucket(tmp_path)
    store = open_store(gateway.store, StoreOptions(environment=gateway.variables)).child("old")
    data, key = b"a pack", b"a key"
    pack = ObjectName(Kind.DATA, name_of(data))
    for name, content in ((CONFIG, b"config"), (ObjectName(Kind.KEY, name_of(key)), key), (pack, data)):
        store.create(name, content)
    with gateway:
        assert gateway.ask("GET", f"/old/data/{pack.name}").body == data
        assert gateway.ask("GET", "/health").status == 200
        other = b"another key"
        assert gateway.put(f"/old/keys/{name_of(other)}", other) == 403
        assert gateway.put(f"/old/keys/{name_of(key)}", key) == 200
        assert gateway.put(f"/old/data/{pack.name}", data) == 200
        until(lambda: gateway.rows("SELECT adopting FROM repository") == [(0,)], gateway.said)
        found = leaves(gateway)
        gateway.start()
        time.sleep(1.5)
        assert len(leaves(gateway)) == len(found)
    adopted = {r.kind: r for r in found if r.type is LeafType.ADOPTED}
    assert {"config", "keys", "data"} <= set(adopted) | {r.kind for r in found}
    assert len(found) == 3
    assert adopted["config"].sha256 == name_of(b"config")
    assert adopted["config"].time_ns == store.stat(CONFIG).modified_ns


def test_the_log_lies_in_the_bucket(tmp_path: Path) -> None:
    """A gateway whose database was lost takes its log back from the bucket, where anybody with a key can verify it."""
    with over_bucket(tmp_path) as gateway:
        gateway.make("old")
        sent = [(path.replace("web01", "old"), data) for path, data in packs(3)]
        for path, data in sent:
            assert gateway.put(path, data) == 200
        receipts = leaves(gateway)
        database = gateway.home / "gateway.db"
        for file in (database, Path(f"{database}-wal"), Path(f"{database}-shm")):
            file.unlink(missing_ok=True)
        key = gateway.key
        gateway.start()
        assert gateway.key == key
        for path, data in sent:
            assert gateway.ask("GET", path).body == data
        planted = b"a new key"
        assert gateway.put(f"/old/keys/{name_of(planted)}", planted) == 403  # begins frozen, as what is adopted does
        until(lambda: len(gateway.rows("SELECT * FROM leaf")) >= len(receipts), gateway.said)
        gateway.settle()
        again = leaves(gateway)
        assert again[: len(receipts)] == receipts
        assert {receipt.repository for receipt in again} == {receipts[0].repository}
        audit(gateway.source, key=Verifier.parse(key))
        place, mark, query = gateway.store.partition("?")
        verified = run(
            [STRONGROOM, "log", "verify", f"{place}/.strongroom/log{mark}{query}", "--key", key],
            env=environment(tmp_path, gateway.variables),
        )
        assert verified.code == 0, verified.err
        prefix = place.rpartition("/")[2]
        assert not [one for one in keys(running(), "plain", prefix) if "/locks/" in one]
