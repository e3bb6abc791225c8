"""The threat catalogue at the gateway: rows G, K, A-6, A-9, B-4, Q, X and T, each by its ID, over raw sockets."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.receipts.audit import LogDamaged, audit
from strongroom.receipts.leaf import LeafType, Receipt
from strongroom.receipts.log_source import FolderSource
from strongroom.receipts.note import Verifier
from strongroom.receipts.show import entries
from tests.support.command import STRONGROOM, environment, run
from tests.support.gateways import V2, Gateway, chunked, name_of, read_reply

DATA = b"some bytes of a pack" * 100
NAME = name_of(DATA)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """An append-only gateway with private repositories for two users."""
    users = {"alice": "a-password", "bob": "b-password"}
    with Gateway(tmp_path, flags=("--append-only", "--private-repos"), users=users, user="alice") as running:
        yield running


def leaves(gateway: Gateway) -> list[Receipt]:
    """All receipts, after a graceful stop."""
    gateway.stop()
    return [receipt for _, receipt in entries(FolderSource(str(gateway.log)), 0, 10_000)]


def command(gateway: Gateway, *words: str) -> tuple[int, str]:
    """An operator's command on the gateway's machine."""
    place = ("--path", str(gateway.data))
    done = run([STRONGROOM, "gateway", *words, *place], env=environment(gateway.folder), seconds=60)
    return done.code, done.out + done.err


TRAVERSALS = [
    "/alice/../bob/config",
    "/alice/%2e%2e/bob/config",
    "/alice/..%2fbob/config",
    "/alice/%2e%2e%2fbob/config",
    "/alice%2f..%2fbob/config",
    "/alice/.%2e/bob/config",
    "/alice//bob/config",
    "//bob/config",
    "/alice/./config",
    "/alice/%2e/config",
    "/alice/..\\bob/config",
    "/alice/%5c..%5cbob/config",
    "/alice%00/config",
    "/alice/data/../config",
    "/alice/data/../../bob/config",
    f"/alice/data/..%2f..%2f..%2f{NAME}",
    "/alice/config/../../bob/config",
    "/alice/%252e%252e/bob/config",
    "/alice/%c0%ae%c0%ae/bob/config",
    "/alice/．．/bob/config",
    "/../../../../etc/passwd",
    "/alice/.htpasswd",
    "/.htpasswd",
    "/.strongroom/gateway.db",
    "/.strongroom/log.key",
    "/alice/.strongroom/id",
    "/alice/.strongroom/config",
    "/ALICE/config",
    "/alice/CONFIG",
    f"/alice/data/{NAME.upper()}",
    f"/alice/data/{NAME}%00",
    f"/alice/data/{NAME}.tmp",
    f"/alice/data/{NAME[:2]}/{NAME}",
    "/alice/keys/../config",
    "http://gateway/alice/../bob/config",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_g_1_no_path_leads_out_of_the_own_repository(shared: Gateway, path: str) -> None:
    """G-1: no spelling of a path reads, writes or deletes another's objects, or anything that is no object."""
    for method in ("GET", "HEAD", "POST", "DELETE"):
        reply = shared.ask(method, path, b"evil" if method == "POST" else None)
        assert reply.status in (400, 401, 403, 404, 405), (method, path, reply.status)
        assert b"config of bob" not in reply.body
        assert b"root:" not in reply.body
    assert (shared.data / "bob/config").read_bytes() == b"config of bob"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for the cases that change nothing, with repositories of alice and bob."""
    users = {"alice": "a-password", "bob": "b-password"}
    folder = tmp_path_factory.mktemp("shared")
    with Gateway(folder, flags=("--append-only", "--private-repos"), users=users, user="alice") as running:
        running.make("alice")
        running.make("bob", user="bob")
        yield running


def test_g_1_symbolic_links_are_not_followed(shared: Gateway) -> None:
    """G-1: a link in an object's place is neither read, listed, nor written through."""
    outside = shared.folder / "outside"
    outside.write_bytes(b"secret")
    link = shared.data / "alice/snapshots" / NAME
    link.symlink_to(outside)
    assert shared.ask("GET", f"/alice/snapshots/{NAME}").status in (403, 500)
    assert shared.ask("GET", "/alice/snapshots/", headers={"Accept": V2}).body == b"[]"
    assert shared.put(f"/alice/snapshots/{NAME}", DATA) != 200
    assert outside.read_bytes() == b"secret"
    link.unlink()


def test_g_2_stalled_senders_lose_their_places(tmp_path: Path) -> None:
    """G-2: heads and bodies that do not come are cut off, leave no file, and nobody waits for them meanwhile."""
    policy = tmp_path / "gateway.toml"
    policy.write_text("version = 1\n[server]\nslow_rate = 8000\nslow_span = 3\n")
    with Gateway(tmp_path, flags=("--no-auth", "--append-only", "--config", str(policy))) as gateway:
        gateway.make()
        begun = time.monotonic()
        stalled = [gateway.connect() for _ in range(20)]
        for number, connection in enumerate(stalled):
            if number % 2:
                connection.sendall(b"GET /web01/config HT")
            else:
                connection.sendall(gateway.head("POST", f"/web01/data/{NAME}", {"Content-Length": "5000000"}) + b"x")
        assert gateway.put(f"/web01/data/{NAME}", DATA) == 200
        assert time.monotonic() - begun < 5
        for number, connection in enumerate(stalled):
            connection.settimeout(45)
            found = connection.recv(100)
            assert found == b"" or found.startswith(b"HTTP/1.1 408"), (number, found)
            connection.close()
        assert list((gateway.data / "web01/.strongroom/tmp").iterdir()) == []


def test_g_3_racing_creators_never_replace(gateway: Gateway) -> None:
    """G-3: of twenty racers with different configs exactly one wins and the others are told; the bytes stay."""
    assert gateway.put("/alice/?create=true", b"") == 200
    configs = [b"config %d" % number * 50 for number in range(20)]
    answers: dict[bytes, int] = {}
    threads = [
        threading.Thread(target=lambda c=config: answers.update({c: gateway.put("/alice/config", c)}))
        for config in configs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [config for config, status in answers.items() if status == 200]
    assert len(winners) == 1
    assert sorted(answers.values()) == [200] + [403] * 19
    assert gateway.ask("GET", "/alice/config").body == winners[0]
    same = [threading.Thread(target=lambda: answers.update({DATA: gateway.put(f"/alice/data/{NAME}", DATA)}))] * 1
    for thread in same:
        thread.start()
        thread.join()
    assert [r.type for r in leaves(gateway)] == [LeafType.CREATE] * 2


def test_g_3_the_same_bytes_at_once_are_one_object_and_one_receipt(gateway: Gateway) -> None:
    """G-3: twenty uploads of the same pack at once are all success, with one receipt."""
    gateway.make("alice")
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(gateway.put(f"/alice/data/{NAME}", DATA))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 20
    assert [r.kind for r in leaves(gateway)] == ["config", "data"]


def test_g_4_and_g_5_locks_belong_to_their_makers(tmp_path: Path) -> None:
    """G-4, G-5: nobody removes another's lock but a custodian; orphans go after half an hour; 64 are the most."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        tokens = {}
        for who, role in (("one", "host"), ("two", "host"), ("judge", "custodian"), ("looker", "auditor")):
            code, said = command(gateway, "principal", "add", who, "--repository", "shared", "--role", role)
            assert code == 0, said
            tokens[who] = f"{who}:{said.strip()}"
        gateway.make("shared", tokens["one"])
        path = f"/shared/locks/{NAME}"
        assert gateway.put(path, DATA, tokens["one"]) == 200
        for other in ("two", "looker"):
            assert gateway.ask("DELETE", path, user=tokens[other]).status == 403
        assert gateway.ask("DELETE", path, user=tokens["one"]).status == 200
        assert gateway.put(path, DATA, tokens["looker"]) == 200
        assert gateway.ask("DELETE", path, user=tokens["judge"]).status == 200
        orphan = gateway.data / "shared/locks" / NAME
        orphan.write_bytes(DATA)
        assert gateway.ask("DELETE", path, user=tokens["two"]).status == 403
        os.utime(orphan, (time.time() - 1900,) * 2)
        assert gateway.ask("DELETE", path, user=tokens["looker"]).status == 403
        assert gateway.ask("DELETE", path, user=tokens["two"]).status == 200
        for number in range(64):
            data = b"lock %d" % number
            assert gateway.put(f"/shared/locks/{name_of(data)}", data, tokens["one"]) == 200
        assert gateway.put(path, DATA, tokens["one"]) == 507
        assert gateway.put(path, DATA, tokens["two"]) == 200
        assert "locks" not in {receipt.kind for receipt in leaves(gateway)}


@pytest.mark.skipif(not Path("/usr/bin/strace").exists(), reason="needs strace")
def test_g_6_the_answer_comes_after_every_sync(tmp_path: Path) -> None:
    """G-6: write, fsync, link, fsync of the folder, fsync of the database, answer, in this order, by system calls."""
    trace = tmp_path / "trace"
    gateway = Gateway(tmp_path)
    wrap = ("strace", "-f", "-y", "-s", "64", "-e", "trace=linkat,link,fsync,fdatasync,sendto,write", "-o", str(trace))
    gateway.start(wrap=wrap)
    gateway.make()
    assert gateway.put(f"/web01/data/{NAME}", DATA) == 200
    gateway.stop()
    lines = [line for line in trace.read_text(errors="replace").splitlines() if "resumed" not in line]
    link = next(i for i, line in enumerate(lines) if "link" in line and f"data/{NAME[:2]}/{NAME}" in line)
    written = max(i for i in range(link) if f"gate-data-{NAME}" in lines[i] and "write(" in lines[i])
    synced = next(i for i in range(written, link) if "fsync(" in lines[i] and f"gate-data-{NAME}" in lines[i])
    folder = next(i for i in range(link, len(lines)) if "sync(" in lines[i] and f"/data/{NAME[:2]}>" in lines[i])
    database = next(i for i in range(folder, len(lines)) if "sync(" in lines[i] and "gateway.db-wal" in lines[i])
    answer = next(i for i in range(link, len(lines)) if "HTTP/1.1 200" in lines[i] and "Strongroom" in lines[i])
    assert written < synced < link < folder < database < answer


def test_g_8_passwords_are_guarded(gateway: Gateway) -> None:
    """G-8: wrong, missing and foreign credentials are 401; after a burst guessing costs no CPU; the right one lives."""
    gateway.make("alice")
    for headers in (
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!!"},
        {"Authorization": "Bearer abc"},
        {"Authorization": "Basic YWxpY2U="},
        {"X-Remote-User": "alice"},
    ):
        reply = gateway.ask("GET", "/alice/config", headers=headers, user="")
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Basic")
    assert gateway.ask("GET", "/bob/config").status == 403
    statuses = [gateway.ask("GET", "/alice/config", user=f"alice:wrong{n}").status for n in range(25)]
    assert statuses[0] in (401, 503)
    assert statuses[-1] == 503
    assert gateway.ask("GET", "/alice/config").status == 200  # it was let in before, and is remembered
    assert "a-password" not in gateway.said()


def test_g_8_no_start_without_authentication(tmp_path: Path) -> None:
    """G-8: without a password file, a principal or --no-auth, nothing is served; with a policy no plain text."""
    place = ["--path", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    done = run([STRONGROOM, "gateway", "serve", *place], env=environment(tmp_path), seconds=30)
    assert done.code == 1
    assert "--no-auth" in done.err
    policy = tmp_path / "policy.toml"
    policy.write_text("version = 1\n[principal.web01]\n")
    place[-1] = "0.0.0.0:0"
    done = run([STRONGROOM, "gateway", "serve", *place, "--config", str(policy)], env=environment(tmp_path), seconds=30)
    assert done.code == 1
    assert "unencrypted" in done.err


def test_g_9_nothing_that_is_sent_breaks_a_log(tmp_path: Path) -> None:
    """G-9: line feeds, quotes, escapes and bidi in users, paths and agents give one line each, and no false metric."""
    log = tmp_path / "access.log"
    flags = ("--append-only", "--log", str(log), "--prometheus", "--prometheus-no-auth")
    with Gateway(tmp_path, flags=flags, users={"alice": "pw"}, user="alice") as gateway:
        gateway.make("alice")
        evil = 'x" 200 5 "-"\n9.9.9.9 - admin [now] "GET / HTTP/1.1" 401 0\x1b[31m\u202e'
        gateway.ask("GET", "/alice/config", user=f"{evil}:pw")
        gateway.ask("GET", "/alice/config", headers={"User-Agent": 'a"b\\c'})
        gateway.ask("GET", "/alice/%0aX%22/config")
        gateway.ask("GET", f"/{'z' * 1000}/config")
        metrics = gateway.ask("GET", "/metrics").body.decode()
    lines = log.read_text().splitlines()
    assert len(lines) == 7
    assert all(line.isascii() and line.isprintable() for line in lines)
    assert all(line.startswith("127.0.0.1 - ") for line in lines)
    assert "9.9.9.9" not in [line.split(" ")[0] for line in lines]
    assert 'rest_server_blob_write_total{repo="alice",type="config",user="alice"} 1.0' in metrics
    assert "admin" not in metrics


def test_k_1_k_4_keys_are_frozen_by_the_first_snapshot(gateway: Gateway) -> None:
    """K-1, K-4: after the first snapshot no key comes in, though the folder was emptied; a window admits one."""
    gateway.make("alice")
    assert gateway.put(f"/alice/keys/{NAME}", DATA) == 200
    snapshot = b"snapshot"
    assert gateway.put(f"/alice/snapshots/{name_of(snapshot)}", snapshot) == 200
    bogus = b"not json"
    assert gateway.put(f"/alice/keys/{name_of(bogus)}", bogus) == 403
    assert gateway.put(f"/alice/keys/{NAME}", DATA) == 200  # the same again, as after a lost answer
    (gateway.data / "alice/snapshots" / name_of(snapshot)).unlink()
    (gateway.data / "alice/keys" / NAME).unlink()
    assert gateway.put(f"/alice/keys/{name_of(bogus)}", bogus) == 403
    wanted = b"the wanted key"
    code, said = command(gateway, "keys", "open", "alice", "--key", name_of(wanted), "--for", "10m")
    assert code == 0, said
    assert gateway.put(f"/alice/keys/{name_of(bogus)}", bogus) == 403
    assert gateway.put(f"/alice/keys/{name_of(wanted)}", wanted) == 200
    assert LeafType.KEY_WINDOW in {receipt.type for receipt in leaves(gateway)}


def test_k_2_sixteen_keys_are_the_most(gateway: Gateway) -> None:
    """K-2: a flood of keys ends at sixteen, also when they race."""
    gateway.make("alice")
    statuses: list[int] = []
    keys = [b"key %d" % number for number in range(24)]
    threads = [
        threading.Thread(target=lambda k=key: statuses.append(gateway.put(f"/alice/keys/{name_of(k)}", k)))
        for key in keys
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 16 + [403] * 8


def test_k_1_an_adopted_repository_begins_frozen(tmp_path: Path) -> None:
    """K-1: a folder that another server served gets adopted leaves with the store's stamps, and no new key."""
    gateway = Gateway(tmp_path)
    folder = gateway.data / "old"
    for kind in ("data/" + NAME[:2], "keys", "snapshots", "index", "locks"):
        (folder / kind).mkdir(parents=True)
    (folder / "config").write_bytes(b"config")
    (folder / "keys" / NAME).write_bytes(DATA)
    (folder / f"data/{NAME[:2]}" / NAME).write_bytes(DATA)
    os.utime(folder / "keys" / NAME, (1_500_000_000, 1_500_000_000))
    gateway.start()
    bogus = b"bogus"
    assert gateway.put(f"/old/keys/{name_of(bogus)}", bogus) == 403
    assert gateway.put(f"/old/snapshots/{name_of(bogus)}", bogus) == 200
    time.sleep(1.5)
    found = leaves(gateway)
    adopted = {(r.kind, r.name) for r in found if r.type is LeafType.ADOPTED}
    assert {("keys", NAME), ("data", NAME)} <= adopted
    assert next(r for r in found if r.kind == "keys").time_ns == 1_500_000_000 * 10**9
    gateway.start()
    time.sleep(1)
    assert len(leaves(gateway)) == len(found)  # nothing is adopted twice


def test_k_5_the_config_is_written_once_and_logged(gateway: Gateway) -> None:
    """K-5: another config is refused, and the log holds the hash of the first."""
    config = gateway.make("alice")
    assert gateway.put("/alice/config", b"another polynomial") == 403
    assert gateway.ask("DELETE", "/alice/config").status == 403
    (receipt,) = leaves(gateway)
    assert (receipt.kind, receipt.sha256) == ("config", name_of(config))


def test_a_6_only_bytes_that_hash_to_their_name(gateway: Gateway) -> None:
    """A-6: wrong bytes are refused for every kind, whole or chunked; a damaged stored copy is an incident, no 200."""
    gateway.make("alice")
    for kind in ("data", "index", "keys", "locks", "snapshots"):
        path = f"/alice/{kind}/{NAME}"
        assert gateway.put(path, b"other") == 400
        assert gateway.ask("POST", path, chunked(b"other"), {"Transfer-Encoding": "chunked"}).status == 400
        assert gateway.ask("HEAD", path).status == 404
    stored = gateway.data / f"alice/data/{NAME[:2]}/{NAME}"
    assert gateway.put(f"/alice/data/{NAME}", DATA) == 200
    stored.chmod(0o600)
    stored.write_bytes(DATA[:-1] + b"X")
    assert gateway.put(f"/alice/data/{NAME}", DATA) == 500
    assert stored.read_bytes() == DATA[:-1] + b"X"
    assert "damaged" in gateway.said()


def test_a_9_and_x_2_what_is_trashed_comes_back_with_its_first_arrival(tmp_path: Path) -> None:
    """A-9, X-2: a custodian's delete is held and restorable; a re-upload is logged with the first arrival's number."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        tokens = {}
        for who, role in (("host", "host"), ("judge", "custodian")):
            tokens[who] = (
                f"{who}:{command(gateway, 'principal', 'add', who, '--repository', 'r', '--role', role)[1].strip()}"
            )
        gateway.make("r", tokens["host"])
        path = f"/r/data/{NAME}"
        assert gateway.put(path, DATA, tokens["host"]) == 200
        assert gateway.ask("DELETE", path, user=tokens["host"]).status == 403
        assert gateway.put(f"/r/data/{name_of(b'x')}", b"x", tokens["judge"]) == 403
        assert gateway.ask("DELETE", path, user=tokens["judge"]).status == 200
        assert gateway.ask("DELETE", path, user=tokens["judge"]).status == 200
        assert gateway.ask("GET", path, user=tokens["host"]).status == 404
        assert NAME in command(gateway, "trash", "list", "r")[1]
        assert "0 objects" in command(gateway, "trash", "purge", "r")[1]
        assert command(gateway, "trash", "restore", "r", NAME)[0] == 0
        assert gateway.ask("GET", path, user=tokens["host"]).body == DATA
        for _ in range(2):
            assert gateway.ask("DELETE", path, user=tokens["judge"]).status == 200
            assert gateway.put(path, DATA, tokens["host"]) == 200
        found = [(r.type, r.first) for r in leaves(gateway) if r.kind == "data"]
    assert found == [
        (LeafType.CREATE, None),
        (LeafType.TRASH, 1),
        (LeafType.RESTORE, 1),
        (LeafType.TRASH, 1),
        (LeafType.CREATE, 1),
        (LeafType.TRASH, 1),
        (LeafType.CREATE, 1),
    ]


def test_q_1_q_2_b_4_quotas_hold_for_each_principal(tmp_path: Path) -> None:
    """Q-1, Q-2, B-4: bytes, objects and snapshots a day end at the quota, in mid-stream too; others go on."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        limits = {
            "bytes": ("--quota", "100K"),
            "objects": ("--objects", "3"),
            "daily": ("--snapshots-per-day", "2"),
            "free": (),
        }
        tokens = {}
        for who, limit in limits.items():
            said = command(gateway, "principal", "add", who, "--repository", who, *limit)[1]
            tokens[who] = f"{who}:{said.strip()}"
            gateway.make(who, tokens[who])
        packs = [os.urandom(40_000) for _ in range(4)]

        def put(who: str, kind: str, data: bytes) -> int:
            return gateway.put(f"/{who}/{kind}/{name_of(data)}", data, tokens[who])

        assert [put("bytes", "data", pack) for pack in packs] == [200, 200, 507, 507]
        path = f"/bytes/data/{name_of(packs[3])}"
        headers = {"Transfer-Encoding": "chunked"}
        assert gateway.ask("POST", path, chunked(packs[3]), headers, tokens["bytes"]).status == 507
        assert put("bytes", "data", os.urandom(1000)) == 200
        assert [put("objects", "index", pack) for pack in packs] == [200, 200, 507, 507]
        assert [put("daily", "snapshots", pack) for pack in packs] == [200, 200, 507, 507]
        assert [put("free", "data", pack) for pack in packs] == [200] * 4
        assert put("bytes", "locks", b"lock") == 200
        assert list((gateway.data / "bytes/.strongroom/tmp").iterdir()) == []
        time.sleep(2.2)
        status = gateway.ask("GET", "/.strongroom/v1/status", user=tokens["bytes"]).json()
        assert [(one["reason"], one["count"]) for one in status["refusals"]] == [("quota", 3)]


def test_x_1_reads_are_metered_and_receipts_are_private(tmp_path: Path) -> None:
    """X-1: reads count by user and repository; another tenant's receipts and the log's entries are not shown."""
    flags = ("--append-only", "--private-repos", "--prometheus")
    with Gateway(tmp_path, flags=flags, users={"alice": "a", "bob": "b"}, user="alice") as gateway:
        gateway.make("alice")
        assert gateway.put(f"/alice/data/{NAME}", DATA) == 200
        assert gateway.ask("GET", f"/alice/data/{NAME}", headers={"Range": "bytes=0-9"}).status == 206
        metrics = gateway.ask("GET", "/metrics").body.decode()
        assert 'rest_server_blob_read_bytes_total{repo="alice",type="data",user="alice"} 10.0' in metrics
        time.sleep(1.2)
        lines = gateway.ask("GET", "/.strongroom/v1/receipts?repository=alice").body.splitlines()
        assert len(lines) == 3
        assert "leaf" in json.loads(lines[1])
        assert gateway.ask("GET", "/.strongroom/v1/receipts?repository=alice", user="bob").status == 403
        assert gateway.ask("GET", "/.strongroom/log/tile/entries/000.p/2").status == 403
        assert gateway.ask("GET", "/.strongroom/log/tile/0/000.p/2").status == 200
        assert gateway.ask("GET", "/.strongroom/log/checkpoint", user="alice:wrong").status == 401


def test_x_3_m_2_a_log_that_was_rolled_back_is_refused(gateway: Gateway) -> None:
    """X-3, M-2: an older consistent state of the gateway, served again, fails against what a follower saw."""
    gateway.make("alice")
    key = Verifier.parse(gateway.key)
    gateway.stop()
    before = dict.fromkeys(path.name for path in (gateway.log / "checkpoint").iterdir())
    gateway.start()
    assert gateway.put(f"/alice/data/{NAME}", DATA) == 200
    gateway.stop()
    state = str(gateway.folder / "follower")
    assert audit(FolderSource(str(gateway.log)), key=key, state=state).head.size == 2
    for path in (gateway.log / "checkpoint").iterdir():
        if path.name not in before:
            path.unlink()
    with pytest.raises(LogDamaged) as refused:
        audit(FolderSource(str(gateway.log)), state=state)
    assert (refused.value.first, refused.value.last) == (1, 1)


def test_panic_stops_everything_but_reading_and_locks(gateway: Gateway) -> None:
    """A repository in panic takes no objects, can be read and locked, and takes objects again afterwards."""
    gateway.make("alice")
    assert gateway.put(f"/alice/data/{NAME}", DATA) == 200
    assert command(gateway, "panic", "alice", "--reason", "intruder")[0] == 0
    time.sleep(1.2)
    other = b"other"
    assert gateway.put(f"/alice/data/{name_of(other)}", other) == 403
    assert gateway.put(f"/alice/locks/{name_of(other)}", other) == 200
    assert gateway.ask("GET", f"/alice/data/{NAME}").body == DATA
    assert command(gateway, "panic", "alice", "--off")[0] == 0
    time.sleep(1.2)
    assert gateway.put(f"/alice/data/{name_of(other)}", other) == 200
    found = [r.detail for r in leaves(gateway) if r.type is LeafType.PANIC]
    assert found == ["on intruder", "off"]


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET /alice/config HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /a/config HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /a/config HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100 + b"\r\n",
        b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n",
        b"POST /a/config HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /a/config HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n",
    ],
)
def test_ambiguous_heads_are_refused(shared: Gateway, noise: bytes) -> None:
    """What two parsers could read in two ways ends the connection with a status, and never a traceback."""
    with shared.connect() as connection:
        connection.sendall(noise)
        connection.shutdown(socket.SHUT_WR)
        if noise.endswith(b"\r\n\r\n"):
            assert read_reply(connection).status in (400, 431, 505)
        else:
            assert connection.recv(100) == b""
    assert "Traceback" not in shared.said()
