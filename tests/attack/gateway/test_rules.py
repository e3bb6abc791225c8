"""The threat catalogue at the gateway, continued: rows K, A, Q, B-4, X and M-2, each by its ID."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import json
import os
import time
from pathlib import Path

import pytest

from strongroom.receipts.audit.audit import LogDamaged, audit
from strongroom.receipts.audit.log_source import FolderSource
from strongroom.receipts.log.leaf import LeafType
from strongroom.receipts.log.note import Verifier
from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import Gateway, name_of
from tests.support.servers.replies import chunked
from tests.support.waiting import PATIENCE, away_from_midnight, until

DATA = b"some bytes of a pack" * 100
NAME = name_of(DATA)


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
    code, said = operate(gateway, "keys", "open", "alice", "--key", name_of(wanted), "--for", "10m")
    assert code == 0, said
    assert gateway.put(f"/alice/keys/{name_of(bogus)}", bogus) == 403
    assert gateway.put(f"/alice/keys/{name_of(wanted)}", wanted) == 200
    assert LeafType.KEY_WINDOW in {receipt.type for receipt in leaves(gateway)}


def test_k_2_sixteen_keys_are_the_most(gateway: Gateway) -> None:
    """K-2: a flood of keys ends at sixteen, also when they race."""
    gateway.make("alice")
    keys = [b"key %d" % number for number in range(24)]
    statuses = gateway.put_at_once([(f"/alice/keys/{name_of(key)}", key) for key in keys])
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
    until(lambda: gateway.rows("SELECT adopting FROM repository") == [(0,)], gateway.said)
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
    away_from_midnight()
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        tokens = {}
        for who, role in (("host", "host"), ("judge", "custodian")):
            tokens[who] = (
                f"{who}:{operate(gateway, 'principal', 'add', who, '--repository', 'r', '--role', role)[1].strip()}"
            )
        gateway.make("r", tokens["host"])
        path = f"/r/data/{NAME}"
        assert gateway.put(path, DATA, tokens["host"]) == 200
        assert gateway.ask("DELETE", path, user=tokens["host"]).status == 403
        assert gateway.put(f"/r/snapshots/{name_of(b'x')}", b"x", tokens["judge"]) == 403
        assert gateway.ask("DELETE", path, user=tokens["judge"]).status == 200
        assert gateway.ask("DELETE", path, user=tokens["judge"]).status == 200
        assert gateway.ask("GET", path, user=tokens["host"]).status == 404
        assert NAME in operate(gateway, "trash", "list", "r")[1]
        assert "0 objects" in operate(gateway, "trash", "purge", "r", "--clock-kept-outside")[1]
        assert operate(gateway, "trash", "restore", "r", NAME)[0] == 0
        assert gateway.ask("GET", path, user=tokens["host"]).body == DATA
        for _ in range(2):
            assert gateway.ask("DELETE", path, user=tokens["judge"]).status == 200
            assert gateway.put(path, DATA, tokens["host"]) == 200
        trash = gateway.data / "r/.strongroom/trash"
        (today,) = trash.iterdir()
        for days, purged in ((90, "0 objects"), (91, "2 objects")):
            date = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=days)
            today = today.rename(trash / date.isoformat())
            assert purged in operate(gateway, "trash", "purge", "r", "--clock-kept-outside")[1]
        found = [(r.type, r.first) for r in leaves(gateway) if r.kind == "data"]
    # What stands in its place is there still, and the log's last word says so.
    assert found[-3:] == [(LeafType.PURGE, 1)] * 2 + [(LeafType.RESTORE, 1)]
    assert found[:-3] == [
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
    away_from_midnight()
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        limits = {
            "bytes": ("--quota", "100K"),
            "objects": ("--objects", "3"),
            "daily": ("--snapshots-per-day", "2"),
            "free": (),
        }
        tokens = {}
        for who, limit in limits.items():
            said = operate(gateway, "principal", "add", who, "--repository", who, *limit)[1]
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

        def refusals() -> list[tuple[str, int]]:
            status = gateway.ask("GET", "/.strongroom/v1/status", user=tokens["bytes"]).json()
            return [(one["reason"], one["count"]) for one in status["refusals"]]

        until(lambda: refusals() == [("quota", 3)], lambda: str(refusals()))


def test_x_1_reads_are_metered_and_receipts_are_private(tmp_path: Path) -> None:
    """X-1: reads count by user and repository; another tenant's receipts and the log's entries are not shown."""
    flags = ("--append-only", "--private-repos", "--prometheus")
    with Gateway(tmp_path, flags=flags, users={"alice": "a", "bob": "b", "metrics": "m"}, user="alice") as gateway:
        gateway.make("alice")
        assert gateway.put(f"/alice/data/{NAME}", DATA) == 200
        assert gateway.ask("GET", f"/alice/data/{NAME}", headers={"Range": "bytes=0-9"}).status == 206
        metrics = gateway.ask("GET", "/metrics", user="metrics").body.decode()
        assert 'rest_server_blob_read_bytes_total{repo="alice",type="data",user="alice"} 10.0' in metrics
        gateway.settle()
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
    assert operate(gateway, "panic", "alice", "--reason", "intruder")[0] == 0
    numbers = itertools.count()

    def status() -> int:
        """What another object gets: workers hear of panic within a second."""
        data = b"%d" % next(numbers)
        return gateway.put(f"/alice/data/{name_of(data)}", data)

    until(lambda: status() == 403, gateway.said)
    other = b"other"
    assert gateway.put(f"/alice/data/{name_of(other)}", other) == 403
    assert gateway.put(f"/alice/locks/{name_of(other)}", other) == 200
    assert gateway.ask("GET", f"/alice/data/{NAME}").body == DATA
    assert operate(gateway, "panic", "alice", "--off")[0] == 0
    until(lambda: status() == 200, gateway.said)
    assert gateway.put(f"/alice/data/{name_of(other)}", other) == 200
    found = [r.detail for r in leaves(gateway) if r.type is LeafType.PANIC]
    assert found == ["on intruder", "off"]


@pytest.mark.parametrize(
    "body", [b"4\r\nabcd\n0\r\n\r\n", b"4\r\nabcd\r\n0\r\n\n", b"4\nabcd\r\n0\r\n\r\n", b"4\r\nabcd\r\n0\n\r\n"]
)
def test_g_10_a_bare_line_feed_ends_nothing_in_a_chunked_body(gateway: Gateway, body: bytes) -> None:
    """G-10: where a proxy sees another end of a body than we, what follows would be a request of its sender's choice:
    nothing is stored, and the connection ends."""
    gateway.make("alice")
    path = f"/alice/data/{name_of(b'abcd')}"
    smuggled = gateway.head("GET", "/alice/config")
    with gateway.connect() as connection:
        connection.sendall(gateway.head("POST", path, {"Transfer-Encoding": "chunked"}) + body + smuggled)
        connection.settimeout(PATIENCE)
        said = b""
        with contextlib.suppress(ConnectionResetError):
            while block := connection.recv(65536):
                said += block
    assert said.count(b"HTTP/1.1 ") == 1
    assert said.startswith(b"HTTP/1.1 400 ")
    assert gateway.ask("GET", path).status == 404
