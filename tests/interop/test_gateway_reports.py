"""What users of other servers reported (docs/tried.md), done with stock restic at a running gateway."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.support.programs import PROGRAMS, Restic
from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import Gateway, name_of


@pytest.mark.parametrize("name", ["restic", "strongroom"])
def test_a_used_up_quota_ends_a_backup_at_once(name: str, home: Path, tmp_path: Path, source: Path) -> None:
    """The client ends with an error in seconds, not after minutes of trying again, and no snapshot lacks its data;
    with more room it goes on."""
    (source / "large").write_bytes(os.urandom(12_000_000))
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        code, token = operate(gateway, "principal", "add", "web01", "--repository", "web01", "--quota", "6M")
        assert code == 0, token
        url = f"rest:http://web01:{token.strip()}@{gateway.address}/web01/"
        program = PROGRAMS[name](home)
        program.init(url)
        begun = time.monotonic()
        done = program.on(url, "backup", str(source))
        assert done.code != 0
        assert "507" in done.out + done.err
        assert time.monotonic() - begun < 60
        assert program.snapshots(url) == []
        assert operate(gateway, "principal", "set", "web01", "--quota", "1G")[0] == 0
        program.backup(url, source)
        program.check(url)


def test_a_snapshots_own_time_hides_no_arrival(home: Path, tmp_path: Path, source: Path) -> None:
    """Whatever ``--time`` says, the receipt of a snapshot has the time at which the gateway got it."""
    restic = Restic(home)
    with Gateway(tmp_path) as gateway:
        url = f"rest:http://{gateway.address}/web01/"
        restic.init(url)
        begun = time.time_ns()
        for when in ("2020-01-01 00:00:00", "2035-01-01 00:00:00"):
            restic.on(url, "backup", "--time", when, str(source)).expect(0)
        claimed = {one["time"][:4] for one in restic.snapshots(url)}
        assert claimed == {"2020", "2035"}
        arrived = [one.time_ns for one in leaves(gateway) if one.kind == "snapshots"]
    assert len(arrived) == 2
    assert all(begun <= one <= time.time_ns() for one in arrived)


def test_a_repository_whose_empty_folders_were_lost_is_served(home: Path, tmp_path: Path, source: Path) -> None:
    """rsync -m, object stores and git keep no empty folders: what is missing is made when it is needed."""
    restic = Restic(home)
    place = tmp_path / "data" / "web01"
    restic.init(str(place))
    restic.backup(str(place), source)
    for folder in sorted((one for one in place.rglob("*") if one.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    assert not (place / "locks").exists()
    with Gateway(tmp_path) as gateway:
        url = f"rest:http://{gateway.address}/web01/"
        (source / "another").write_bytes(os.urandom(500_000))
        restic.backup(url, source)
        restic.check(url)
        assert len(restic.snapshots(url)) == 2


def test_a_prune_on_the_servers_own_disk_is_explained(home: Path, tmp_path: Path, source: Path) -> None:
    """An operator prunes the folder itself while the gateway runs: clients go on; the log says what went, and why."""
    restic = Restic(home)
    with Gateway(tmp_path) as gateway:
        url = f"rest:http://{gateway.address}/web01/"
        restic.init(url)
        for size in (400_000, 500_000):
            (source / "changing").write_bytes(os.urandom(size))
            restic.backup(url, source)
        place = str(gateway.data / "web01")
        restic.on(place, "forget", "--keep-last", "1", "--prune").expect(0)
        (source / "changing").write_bytes(os.urandom(600_000))
        restic.backup(url, source)
        restic.check(url)
        assert len(restic.snapshots(url)) == 2
        code, said = operate(gateway, "reconcile", "web01", "--reason", "pruned on the server")
        assert code == 0, said
        gone = [one for one in leaves(gateway) if one.detail == "pruned on the server"]
    assert "snapshots" in {one.kind for one in gone}


def test_unchecked_uploads_are_not_to_be_had(tmp_path: Path) -> None:
    """rest-server's ``--no-verify-upload`` would let a host store bytes that are not what their name says."""
    with Gateway(tmp_path, flags=("--no-auth", "--append-only", "--no-verify-upload")) as gateway:
        gateway.make()
        assert gateway.put(f"/web01/data/{name_of(b'right')}", b"wrong") == 400
        assert gateway.ask("HEAD", f"/web01/data/{name_of(b'right')}").status == 404
        assert gateway.put(f"/web01/data/{name_of(b'right')}", b"right") == 200
        assert "no-verify-upload" in gateway.said()
        assert json.loads(gateway.ask("GET", "/health").body)["ok"]
