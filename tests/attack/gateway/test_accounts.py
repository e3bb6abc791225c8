"""The threat catalogue at the gateway: rows Q and B-4, accounts that balance, and the room that is kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, name_of, over_bucket, over_tls
from tests.support.servers.replies import chunked
from tests.support.waiting import away_from_midnight, until

MB = 1_000_000


@pytest.fixture(params=["disk", "disk over TLS", "bucket"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway over each kind of place, with everybody's rights; not started yet."""
    flags = ("--no-auth",)
    made = over_bucket(tmp_path, flags=flags) if request.param == "bucket" else Gateway(tmp_path, flags=flags)
    made.workers = 2
    yield over_tls(made) if request.param == "disk over TLS" else made
    made.stop()


def add(gateway: Gateway, who: str, *more: str) -> str:
    """A principal; its credentials."""
    code, said = operate(gateway, "principal", "add", who, *more)
    assert code == 0, said
    return f"{who}:{said.strip()}"


def with_tokens(gateway: Gateway, *flags: str) -> None:
    """An append-only gateway for principals with tokens."""
    kept = [flag for flag in gateway.flags if flag != "--no-auth"]
    gateway.flags, gateway.users = (*kept, "--append-only", *flags), {"x": "y"}


def used(gateway: Gateway, principal: str) -> tuple[int, int]:
    """Bytes and objects that a principal has, by its name; all together for ``*``."""
    where = f"'{principal}'" if principal == "*" else f"(SELECT id FROM principal WHERE name = '{principal}')"
    rows = gateway.rows(f"SELECT bytes, objects FROM usage WHERE principal = {where}")
    return (int(rows[0][0]), int(rows[0][1])) if rows else (0, 0)


def test_q_2_room_that_was_deleted_is_room(anywhere: Gateway) -> None:
    """Q-2: 8 of 10 MB, deleted, three times over, by two that delete at once; the sum is what lies there."""
    anywhere.flags = (*anywhere.flags, "--max-size", str(10 * MB))
    with anywhere as gateway:
        config = gateway.make("r")
        for _ in range(3):
            pack = os.urandom(8 * MB)
            path = f"/r/data/{name_of(pack)}"
            assert gateway.put(path, pack) == 200
            other = os.urandom(3 * MB)
            assert gateway.put(f"/r/data/{name_of(other)}", other) == 507
            assert gateway.put(path, pack) == 200  # the same again adds nothing
            assert gateway.send_at_once("DELETE", [(path, b"")] * 4) == [200] * 4
        until(lambda: used(gateway, "*") == (len(config), 1), lambda: str(used(gateway, "*")))


def test_q_1_what_a_custodian_deletes_is_room_and_counts_when_it_is_back(tmp_path: Path) -> None:
    """Q-1: a host's 8 of 10 MB are room when a custodian deletes them, once, and count again from the trash."""
    away_from_midnight()
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        host = add(gateway, "host", "--repository", "r", "--quota", "10M")
        judge = add(gateway, "judge", "--repository", "r", "--role", "custodian")
        config = gateway.make("r", host)
        packs = [os.urandom(8 << 20) for _ in range(2)]
        paths = [f"/r/data/{name_of(pack)}" for pack in packs]
        assert gateway.put(paths[0], packs[0], host) == 200
        assert gateway.put(paths[1], packs[1], host) == 507
        for _ in range(2):
            assert gateway.ask("DELETE", paths[0], user=judge).status == 200
        assert gateway.put(paths[1], packs[1], host) == 200
        assert used(gateway, "host") == (len(config) + (8 << 20), 2)
        assert operate(gateway, "trash", "restore", "r", name_of(packs[0]))[0] == 0
        small = os.urandom(1 << 20)
        until(lambda: used(gateway, "host") == (len(config) + (16 << 20), 3), lambda: str(used(gateway, "host")))
        assert gateway.put(f"/r/data/{name_of(small)}", small, host) == 507
        for path in paths:
            assert gateway.ask("DELETE", path, user=judge).status == 200
        (today,) = (gateway.data / "r/.strongroom/trash").iterdir()
        today.rename(today.with_name("2020-01-01"))
        assert "2 objects" in operate(gateway, "trash", "purge", "r", "--clock-kept-outside")[1]
        until(lambda: used(gateway, "host") == (len(config), 1), lambda: str(used(gateway, "host")))
        assert gateway.put(paths[0], packs[0], host) == 200


def test_q_1_a_quota_can_be_raised_lowered_and_taken_away(tmp_path: Path) -> None:
    """Q-1: `principal set` holds within a second, for what is under way too, and counts what was stored before."""
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        host = add(gateway, "host", "--repository", "r")
        gateway.make("r", host)
        pack = os.urandom(400_000)
        assert gateway.put(f"/r/data/{name_of(pack)}", pack, host) == 200
        assert operate(gateway, "principal", "set", "host", "--quota", "500K")[0] == 0

        def puts(expected: int) -> bool:
            data = os.urandom(200_000)
            return gateway.put(f"/r/data/{name_of(data)}", data, host) == expected

        until(lambda: puts(507), gateway.said)
        assert operate(gateway, "principal", "set", "host", "--quota", "2M", "--objects", "4")[0] == 0
        until(lambda: puts(200), gateway.said)
        until(lambda: puts(507), gateway.said)  # four objects
        assert operate(gateway, "principal", "set", "host", "--quota", "none", "--objects", "none")[0] == 0
        until(lambda: puts(200), gateway.said)
        code, said = operate(gateway, "principal", "set", "host")
        assert code != 0
        assert "--quota" in said
        late = gateway.connect()
        data = os.urandom(5000)
        headers = {"Transfer-Encoding": "chunked", "Connection": "close"}
        late.sendall(gateway.head("POST", f"/r/data/{name_of(data)}", headers, host) + chunked(data)[:-5])
        assert operate(gateway, "principal", "set", "host", "--quota", "10K")[0] == 0
        with late:
            late.sendall(b"0\r\n\r\n")
            assert b" 507 " in late.recv(100)


def test_q_1_a_small_body_of_unknown_length_needs_little(anywhere: Gateway) -> None:
    """Q-1: with a quota of 100 KB a chunked snapshot of 13 bytes is stored, and the quota holds in mid-stream."""
    with_tokens(anywhere)
    with anywhere as gateway:
        host = add(gateway, "host", "--repository", "r", "--quota", "100K")
        gateway.make("r", host)
        snapshot = b"a snapshot!!!"
        headers = {"Transfer-Encoding": "chunked"}
        path = f"/r/snapshots/{name_of(snapshot)}"
        assert gateway.ask("POST", path, chunked(snapshot), headers, host).status == 200
        pack, large = os.urandom(90_000), os.urandom(30_000)
        assert gateway.ask("POST", f"/r/data/{name_of(pack)}", chunked(pack), headers, host).status == 200
        assert gateway.ask("POST", f"/r/data/{name_of(large)}", chunked(large), headers, host).status == 507
        assert gateway.rows("SELECT * FROM reservation") == []


def test_b_4_repositories_count_for_who_makes_them(anywhere: Gateway) -> None:
    """B-4: with a quota of ten objects ten repositories are the most, and an empty one is few folders."""
    policy = anywhere.folder / "gateway.toml"
    policy.write_text('version = 1\n[[rule]]\nprincipal = "host"\nrepositories = ["t/*"]\nrole = "host"\n')
    with_tokens(anywhere, "--config", str(policy))
    with anywhere as gateway:
        host = add(gateway, "host", "--objects", "10")
        statuses = [gateway.put(f"/t/{number}/?create=true", b"", host) for number in range(12)]
        assert statuses == [200] * 10 + [507] * 2
        assert gateway.put("/t/3/?create=true", b"", host) == 200  # it is there
        assert [gateway.put(f"/t/{number}/config", b"config", host) for number in (0, 1)] == [200, 200]
        key = b"a key"
        assert gateway.put(f"/t/0/keys/{name_of(key)}", key, host) == 507  # two configs and eight empty ones
        if not gateway.store:
            assert sum(len(folders) + len(files) for _, folders, files in os.walk(gateway.data / "t")) < 10 * 16
            pack = b"a pack"
            assert gateway.put(f"/t/0/data/{name_of(pack)}", pack) == 401
            free = add(gateway, "free", "--repository", "t/0")
            assert gateway.put(f"/t/0/data/{name_of(pack)}", pack, free) == 200
            assert os.listdir(gateway.data / "t/0/data") == [name_of(pack)[:2]]


@pytest.mark.root
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_q_2_a_disk_that_is_nearly_full_still_restores(tmp_path: Path, tls: bool) -> None:
    """Q-2: below the floor of free space restic's restore and ours work, nothing else is taken in, health says so."""
    if os.geteuid():
        pytest.skip("needs root for a file system of its own")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m,mode=700", "tmpfs", small], check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        gateway = Gateway(tmp_path, place=small / "data", flags=("--no-auth",))
        with over_tls(gateway) if tls else gateway:
            _restore_below_the_floor(tmp_path, gateway, small / "filler")
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def _restore_below_the_floor(folder: Path, gateway: Gateway, filler: Path) -> None:
    source = folder / "source"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(100_000))
    scheme, trust = "http", list[str]()
    if gateway.context is not None:
        scheme, trust = "https", ["--cacert", str(gateway.folder / "authority.pem")]
    port = gateway.address.rpartition(":")[2]
    variables = {"RESTIC_REPOSITORY": f"rest:{scheme}://localhost:{port}/r/", "RESTIC_PASSWORD": "secret"}
    env = environment(folder, variables)
    ours, theirs = [str(STRONGROOM), *trust], [str(peers.require("restic")), *trust]
    assert run([*ours, "init"], env=env).code == 0
    assert run([*ours, "backup", str(source)], env=env).code == 0
    late = gateway.connect()
    data = b"a pack"
    headers = {"Transfer-Encoding": "chunked", "Connection": "close"}
    late.sendall(gateway.head("POST", f"/r/data/{name_of(data)}", headers) + chunked(data)[:-5])
    free = os.statvfs(filler.parent)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - (4 << 20)))
    with late:
        late.sendall(b"0\r\n\r\n")
        assert b" 507 " in late.recv(100)
    health = gateway.ask("GET", "/health")
    assert health.status == 503
    assert any("nothing but locks is taken in" in one for one in health.json()["problems"])
    assert gateway.put(f"/r/data/{name_of(data)}", data) == 507
    assert gateway.put("/another/?create=true", b"") == 507
    for number, program in enumerate((ours, theirs)):
        target = folder / f"target{number}"
        done = run([*program, "restore", "latest", "--target", str(target)], env=env)
        assert done.code == 0, done.err
        assert (target / str(source)[1:] / "file").read_bytes() == (source / "file").read_bytes()
    filler.unlink()
    assert gateway.put(f"/r/data/{name_of(data)}", data) == 200
    until(lambda: gateway.ask("GET", "/health").status == 200, gateway.said)


def test_q_1_what_is_used_is_told_where_nobody_has_a_quota(tmp_path: Path) -> None:
    """Q-1: the status counts what lies there, also before there is a limit to hold it against."""
    with Gateway(tmp_path, flags=("--append-only",), users={"alice": "pw"}, user="alice", workers=2) as gateway:
        config = gateway.make()
        assert gateway.put(f"/web01/data/{name_of(b'pack')}", b"pack") == 200

        def told() -> dict[str, int]:
            found: dict[str, int] = gateway.ask("GET", "/.strongroom/v1/status").json()["used"]
            return found

        until(lambda: told() == {"bytes": len(config) + 4, "objects": 2}, lambda: str(told()))
