"""The threat catalogue at the gateway: what an intruder with a host's token tries beside what the protocol is for."""

from __future__ import annotations

import secrets
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.base.clock import SystemClock
from strongroom.base.errors import Full, Unavailable
from strongroom.base.objects import Kind
from strongroom.gateway.access import quotas as quota
from strongroom.gateway.access.caller import Caller
from strongroom.gateway.access.policy import Quota
from strongroom.gateway.access.quotas import Quotas
from strongroom.gateway.places.bucket.spool import Spool
from strongroom.gateway.processes.state import open_database
from strongroom.gateway.settings import GatewaySettings
from strongroom.receipts.commit.committer import Committer, Draft
from strongroom.receipts.log.leaf import LeafType
from tests.support.buckets import overwrite
from tests.support.clock import ManualClock
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, name_of, over_bucket
from tests.support.servers.minio import running
from tests.support.servers.replies import read_reply

DATA = b"some bytes of a pack" * 100
NAME = name_of(DATA)


@pytest.fixture(params=["disk", "bucket"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """An append-only gateway over each kind of place, for principals with tokens."""
    flags = ("--append-only",)
    made = Gateway(tmp_path, flags=flags) if request.param == "disk" else over_bucket(tmp_path, flags=flags)
    made.users = {"x": "y"}
    with made:
        yield made


def add(gateway: Gateway, who: str, *more: str) -> str:
    """A host of the repository ``r``; its credentials."""
    code, said = operate(gateway, "principal", "add", who, "--repository", "r", *more)
    assert code == 0, said
    return f"{who}:{said.strip()}"


def begin(gateway: Gateway, path: str, data: bytes, user: str) -> socket.socket:
    """An upload of which half has been sent."""
    connection = gateway.connect()
    headers = {"Content-Length": str(len(data)), "Connection": "close"}
    connection.sendall(gateway.head("POST", path, headers, user) + data[: len(data) // 2])
    time.sleep(0.5)
    return connection


def end(connection: socket.socket, data: bytes) -> int:
    """Send the other half; the answer's status."""
    with connection:
        connection.sendall(data[len(data) // 2 :])
        return read_reply(connection).status


def test_g_5_a_lock_that_is_there_cannot_be_claimed(either: Gateway) -> None:
    """G-4, G-5: a lock that an operator's own restic made directly in the store is not a host's for being sent."""
    host = add(either, "host")
    either.make("r", host)
    lock = b"the lock of a prune on the server"
    name = name_of(lock)
    if either.store:
        place, prefix = running(), either.store.partition("?")[0].rpartition("/")[2]
        overwrite(place, "plain", f"{prefix}/r/locks/{name}", lock)
    else:
        (either.data / "r/locks" / name).write_bytes(lock)
    assert either.put(f"/r/locks/{name}", b"other bytes", host) in (400, 403)
    assert either.ask("DELETE", f"/r/locks/{name}", user=host).status == 403
    assert either.put(f"/r/locks/{name}", lock, host) == 200
    assert either.ask("DELETE", f"/r/locks/{name}", user=host).status == 403
    assert either.ask("GET", f"/r/locks/{name}", user=host).body == lock


def test_what_ends_a_right_ends_uploads_under_way(either: Gateway) -> None:
    """K-1, K-4, G-8: panic, a disabled token and the first snapshot hold for uploads that began before them, too."""
    host, thief = add(either, "host"), add(either, "thief")
    either.make("r", host)
    key = secrets.token_bytes(400)
    waiting = begin(either, f"/r/keys/{name_of(key)}", key, thief)
    snapshot = b"a snapshot"
    assert either.put(f"/r/snapshots/{name_of(snapshot)}", snapshot, host) == 200
    assert end(waiting, key) == 403
    assert either.ask("GET", f"/r/keys/{name_of(key)}", user=host).status == 404

    waiting = begin(either, f"/r/data/{NAME}", DATA, thief)
    assert operate(either, "principal", "disable", "thief")[0] == 0
    time.sleep(2)
    assert end(waiting, DATA) == 401
    assert either.ask("GET", f"/r/data/{NAME}", user=host).status == 404

    waiting = begin(either, f"/r/data/{NAME}", DATA, host)
    assert operate(either, "panic", "r")[0] == 0
    time.sleep(1.1)
    assert end(waiting, DATA) == 403
    assert either.ask("GET", f"/r/data/{NAME}", user=host).status == 404


def test_sealed_keys_are_few_and_none_in_a_panic(tmp_path: Path) -> None:
    """K-2: sealed keys end at sixteen, also when they race; a repository in panic takes none."""
    with Gateway(tmp_path) as gateway:
        gateway.make("r")
        place = f"/.strongroom/v1/repositories/{(gateway.data / 'r/.strongroom/id').read_text().strip()}/sealed"
        paths = [(f"{place}/{name_of(bytes([number]))}", b"sealed") for number in range(24)]
        assert sorted(gateway.send_at_once("PUT", paths)) == [200] * 16 + [403] * 8
        assert len(list((gateway.data / "r/.strongroom/sealed").iterdir())) == 16
        gateway.make("s")
        place = f"/.strongroom/v1/repositories/{(gateway.data / 's/.strongroom/id').read_text().strip()}/sealed"
        assert operate(gateway, "panic", "s")[0] == 0
        time.sleep(1.1)
        assert gateway.ask("PUT", f"{place}/{NAME}", b"sealed").status == 403
        assert gateway.ask("GET", f"{place}/{NAME}").status == 404


def test_q_1_quotas_hold_for_uploads_at_once(tmp_path: Path) -> None:
    """Q-1, B-4: uploads at once do not slip under a quota of objects or of snapshots a day."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        gateway.user = add(gateway, "host", "--objects", "5", "--snapshots-per-day", "2")
        gateway.make("r")  # the config is an object
        snapshots = [b"snapshot %d" % number for number in range(8)]
        statuses = gateway.put_at_once([(f"/r/snapshots/{name_of(one)}", one) for one in snapshots])
        assert sorted(statuses) == [200] * 2 + [507] * 6
        packs = [b"pack %d" % number for number in range(8)]
        statuses = gateway.put_at_once([(f"/r/data/{name_of(one)}", one) for one in packs])
        assert sorted(statuses) == [200] * 2 + [507] * 6
        gateway.stop()
        with sqlite3.connect(gateway.data / ".strongroom/gateway.db") as database:
            assert database.execute("SELECT count(*) FROM reservation").fetchone() == (0,)
        database.close()


def test_q_1_a_reservation_lasts_as_long_as_its_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Q-1: an upload that takes longer than a reservation keeps it, or slow ones would pass a quota unseen."""
    clock = ManualClock(time.time_ns())
    monkeypatch.setattr(quota, "monotonic", clock.monotonic)
    database = open_database(GatewaySettings(path=str(tmp_path)))
    monkeypatch.setattr(database, "now_ns", lambda _connection: clock.now_ns())
    quotas = Quotas(GatewaySettings(path=str(tmp_path)), database)
    who = Caller("1" * 32, "slow", Quota(bytes=100))
    slow = quotas.begin(who, ("", Kind.DATA.value, NAME), 100)
    for _ in range(8):
        slow.take(1)
        clock.advance(quota.RESERVATION_SECONDS * 0.4)
    with pytest.raises(Full):
        quotas.begin(who, ("", Kind.DATA.value, NAME), 1)
    slow.release()
    quotas.begin(who, ("", Kind.DATA.value, NAME), 100).release()
    database.close()


def test_q_2_nobody_takes_the_whole_spool(tmp_path: Path) -> None:
    """Q-2: however much one principal announces, another one finds room in the spool, and a third."""
    spool = Spool(str(tmp_path), 1000)
    taken = [spool.open("thief", 100) for _ in range(5)]
    with pytest.raises(Unavailable):
        spool.open("thief", 100)
    taken += [spool.open(who, 100) for who in ("host", "host", "another")]
    with pytest.raises(Full, match="spool"):  # waiting would never help
        spool.open("big", 1001)
    with pytest.raises(Unavailable):
        spool.open("big", 1000)
    for one in taken:
        one.close()
    spool.open("big", 1000).close()  # one alone may be as large as the spool


def test_numbers_out_of_all_bounds_are_refused(tmp_path: Path) -> None:
    """G-9: no number breaks a page or its log: sequence numbers, counts, ranges, lengths, sizes of chunks."""
    with Gateway(tmp_path) as gateway:
        gateway.make("r")
        for after in (2**63, -(2**63) - 1, 10**25):
            assert gateway.ask("GET", f"/.strongroom/v1/receipts?repository=r&after={after}").status == 400
        assert gateway.ask("GET", "/r/config", headers={"Range": f"bytes={'9' * 5000}-"}).status == 200
        assert gateway.put(f"/r/data/{NAME}", DATA) == 200
        assert gateway.ask("GET", f"/r/data/{NAME}", headers={"Range": f"bytes={'9' * 5000}-"}).status == 416
        other = b"bytes"
        for size in (b"0x5", b"5_", b"+5", b"-5", b"5 5", b"\xb25", b"5" * 16):
            body = size + b"\r\n" + other + b"\r\n0\r\n\r\n"
            headers = {"Transfer-Encoding": "chunked"}
            assert gateway.ask("POST", f"/r/data/{name_of(other)}", body, headers).status == 400, size
        assert "error:" not in gateway.said()


def test_q_1_a_clock_that_was_ahead_leaves_no_reservation_behind(tmp_path: Path) -> None:
    """Q-1: what a worker that died had reserved while the clock was 400 days ahead is free when it is right again."""
    database = open_database(GatewaySettings(path=str(tmp_path)))
    quotas = Quotas(GatewaySettings(path=str(tmp_path)), database)
    who = Caller("1" * 32, "host", Quota(bytes=100))
    quotas.begin(who, ("", Kind.DATA.value, NAME), 100)
    with pytest.raises(Full):
        quotas.begin(who, ("", Kind.DATA.value, NAME), 1)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE reservation SET until_ns = until_ns + 400 * 86400 * 1000000000")
    quotas.begin(who, ("", Kind.DATA.value, NAME), 100).release()
    database.close()


def test_b_4_a_day_of_snapshots_stays_used_up_whatever_the_clock_was(tmp_path: Path) -> None:
    """B-4: receipts that a clock far ahead or behind has dated count for today, and open no new day."""
    database = open_database(GatewaySettings(path=str(tmp_path)))
    quotas = Quotas(GatewaySettings(path=str(tmp_path)), database)
    who = Caller("1" * 32, "host", Quota(snapshots=3))
    committer = Committer(database, SystemClock())
    repository, away_ns = "2" * 32, 400 * 86_400 * 10**9
    for number, aside in enumerate((0, away_ns, -away_ns)):
        what = (repository, Kind.SNAPSHOT.value, name_of(b"%d" % number))
        held = quotas.begin(who, what, 5)
        stamp = time.time_ns() + aside
        kind = LeafType.CREATE
        draft = Draft(kind, repository, kind="snapshots", name=what[2], size=5, principal=who.id, time_ns=stamp)
        committer.commit(draft)
        held.settle()
    assert quotas.used(who.id) == (15, 3)
    with pytest.raises(Full, match="snapshots a day"):
        quotas.begin(who, (repository, Kind.SNAPSHOT.value, NAME), 5)
    committer.close()
    database.close()
