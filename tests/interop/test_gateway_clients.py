"""restic, rustic and our own client through the gateway, and the gateway's folder without the gateway."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.compare import differences
from tests.support.programs import PROGRAMS, Program, Restic, Strongroom
from tests.support.servers.gateway_inside import operate
from tests.support.servers.gateways import Gateway, over_bucket
from tests.support.servers.minio import running
from tests.support.waiting import PATIENCE, until


@pytest.fixture(scope="module", params=["disk", "bucket"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway as shipped, over a disk and over a bucket: append-only, private repositories, two workers."""
    folder = tmp_path_factory.mktemp("gateway")
    users = {"restic": "p1", "rustic": "p2", "strongroom": "p3", "restic-debian": "p4"}
    flags = ("--append-only", "--private-repos")
    make = over_bucket if request.param == "bucket" else Gateway
    with make(folder, flags=flags, users=users, workers=2) as started:
        yield started


@pytest.mark.parametrize("name", ["restic", "restic-debian", "rustic", "strongroom"])
def test_a_client_works_through_the_gateway(
    gateway: Gateway, name: str, home: Path, tmp_path: Path, source: Path
) -> None:
    """init, two backups, snapshots, restore and check with all data; then stock restic opens the store as it is."""
    if name != "strongroom":
        peers.require(name)
    program: Program = PROGRAMS[name](home)
    url = f"rest:http://{name}:{gateway.users[name]}@{gateway.address}/{name}/"
    program.init(url)
    program.backup(url, source)
    (source / "another").write_bytes(b"more" * 50_000)
    program.backup(url, source)
    program.check(url)
    restorers = {program, Restic(tmp_path / "home3")} if name == "strongroom" else {program}  # leaving is free
    for number, restorer in enumerate(restorers):
        restored = tmp_path / f"restored{number}"
        restorer.restore(url, restored)
        inner = restored.joinpath(*source.parts[1:])
        assert not differences(source, inner if inner.exists() else restored)
    restic = Restic(tmp_path / "home2")
    restic.env |= gateway.variables
    plain = gateway.store.partition("?")[0].removeprefix("s3://")
    place = f"s3:{running().endpoint}/{plain}/{name}" if gateway.store else str(gateway.data / name)
    restic.check(place)
    assert len(restic.snapshots(place)) == 2
    if gateway.store:
        return
    folder = gateway.data / name
    assert {path.stat().st_mode & 0o777 for path in folder.glob("data/*/*")} == {0o600}
    assert list((folder / ".strongroom/tmp").iterdir()) == []


def test_a_folder_goes_to_the_gateway_and_back(home: Path, tmp_path: Path, source: Path) -> None:
    """What rclone's REST server wrote is served as it is and added to; rclone then serves what the gateway wrote."""
    rclone = peers.require("rclone")
    restic = Restic(home)
    data = tmp_path / "data"
    data.mkdir()

    def serve() -> tuple[subprocess.Popen[bytes], str]:
        log = tmp_path / "rclone.log"
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [rclone, "serve", "restic", "--addr", "127.0.0.1:0", str(data)], stderr=errors, stdout=errors
            )
        found = until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text(errors="replace")), log.read_text)
        return process, f"rest:{found[0]}repo/"

    process, url = serve()
    try:
        restic.init(url)
        restic.backup(url, source)
    finally:
        process.terminate()
        process.wait(PATIENCE)
    with Gateway(tmp_path) as gateway:
        through = f"rest:http://{gateway.address}/repo/"
        restic.backup(through, source, "--force")
        restic.check(through)
        ours = Strongroom(tmp_path / "ours")
        ours.backup(through, source)
        ours.check(through)
        ours.restore(through, tmp_path / "restored")
        assert not differences(source, (tmp_path / "restored").joinpath(*source.parts[1:]))
    process, url = serve()
    try:
        restic.backup(url, source)
        restic.check(url)
        assert len(restic.snapshots(url)) == 4
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.parametrize("name", ["restic", "restic-debian", "rustic"])
def test_forget_where_the_role_allows_it(name: str, home: Path, tmp_path: Path, source: Path) -> None:
    """A host's forget is refused and changes nothing; a custodian's moves the snapshot to the trash, which gives it
    back."""
    peers.require(name)
    with Gateway(tmp_path, flags=("--append-only",), users={"x": "y"}) as gateway:
        urls = {}
        for who, role in (("host", "host"), ("judge", "custodian")):
            code, token = operate(gateway, "principal", "add", who, "--repository", "r", "--role", role)
            assert code == 0, token
            urls[who] = f"rest:http://{who}:{token.strip()}@{gateway.address}/r/"
        program = PROGRAMS[name](home)
        program.init(urls["host"])
        program.backup(urls["host"], source)
        (source / "another").write_bytes(b"more" * 50_000)
        program.backup(urls["host"], source)
        oldest = program.snapshots(urls["host"])[0]["id"]
        if name != "restic-debian":  # which asks for 45 seconds again and again
            assert program.on(urls["host"], "forget", oldest).code != 0
        assert len(program.snapshots(urls["host"])) == 2
        program.on(urls["judge"], "forget", oldest).expect(0)
        assert [one["id"] for one in program.snapshots(urls["host"])] != [oldest]
        assert len(program.snapshots(urls["host"])) == 1
        assert oldest in operate(gateway, "trash", "list", "r")[1]
        assert operate(gateway, "trash", "restore", "r", oldest)[0] == 0
        assert len(program.snapshots(urls["host"])) == 2
        program.check(urls["host"])


def test_the_whole_life_of_a_repository_without_append_only(home: Path, tmp_path: Path, source: Path) -> None:
    """Back up, add, back up, restore both, forget with prune: restic finds a REST server that deletes, too."""
    restic = Restic(home)
    with Gateway(tmp_path, flags=("--no-auth",), workers=2) as gateway:
        url = f"rest:http://{gateway.address}/"
        restic.init(url)
        restic.backup(url, source)
        first = tmp_path / "first"
        shutil.copytree(source, first, symlinks=True)
        (source / "delta").write_bytes(os.urandom(3_000_000))
        restic.backup(url, source)
        found = restic.snapshots(url)
        assert len(found) == 2
        for snapshot, expected in zip(found, (first, source), strict=True):
            restored = tmp_path / f"restored-{snapshot['id']}"
            restic.restore(url, restored, snapshot["id"])
            names = {path.name: path for path in restored.joinpath(*source.parts[1:]).iterdir()}
            assert names.keys() == {path.name for path in expected.iterdir()}
            for path in expected.iterdir():
                if path.is_file() and not path.is_symlink():
                    assert names[path.name].read_bytes() == path.read_bytes()
        restic.on(url, "forget", "--keep-last", "1", "--prune").expect(0)
        assert len(restic.snapshots(url)) == 1
        restic.check(url)
