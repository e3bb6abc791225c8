"""restic, rustic and our own client through the gateway, and the gateway's folder without the gateway."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.compare import differences
from tests.support.gateways import Gateway, over_bucket
from tests.support.minio import running
from tests.support.programs import PROGRAMS, Program, Restic


@pytest.fixture(scope="module", params=["disk", "bucket"])
def gateway(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway as shipped, over a disk and over a bucket: append-only, private repositories, two workers."""
    folder = tmp_path_factory.mktemp("gateway")
    users = {"restic": "p1", "rustic": "p2", "strongroom": "p3"}
    flags = ("--append-only", "--private-repos")
    make = over_bucket if request.param == "bucket" else Gateway
    with make(folder, flags=flags, users=users, workers=2) as started:
        yield started


@pytest.mark.parametrize("name", ["restic", "rustic", "strongroom"])
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
    restorer = Restic(tmp_path / "home3") if name == "strongroom" else program  # leaving is free
    restorer.restore(url, tmp_path / "restored")
    restored = tmp_path / "restored"
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


@pytest.mark.parametrize("prefix", ["", "a/b/"])
def test_restics_own_backend_suite(tmp_path: Path, prefix: str) -> None:
    """restic's tests of a REST server pass, at the top and two folders down, against a gateway that deletes."""
    suite = peers.require("restic-backend-suite")
    with Gateway(tmp_path, flags=("--no-auth",), workers=2) as gateway:
        url = f"rest:http://{gateway.address}/{prefix}"
        command = [suite, "-test.run", "TestBackendRESTExternalServer", "-test.v"]
        env = {**os.environ, "RESTIC_TEST_REST_REPOSITORY": url}
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "--- PASS: TestBackendRESTExternalServer/TestZZZDelete" in done.stdout
    assert "SKIP" not in done.stdout


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
        for _ in range(200):
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", log.read_text(errors="replace"))
            if found:
                return process, f"rest:{found[0]}repo/"
            time.sleep(0.05)
        raise AssertionError(log.read_text())

    process, url = serve()
    try:
        restic.init(url)
        restic.backup(url, source)
    finally:
        process.terminate()
        process.wait()
    with Gateway(tmp_path) as gateway:
        through = f"rest:http://{gateway.address}/repo/"
        restic.backup(through, source, "--force")
        restic.check(through)
    process, url = serve()
    try:
        restic.backup(url, source)
        restic.check(url)
        assert len(restic.snapshots(url)) == 3
    finally:
        process.terminate()
        process.wait()
