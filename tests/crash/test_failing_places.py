"""A place that fails in the middle of a pass: the others finish, the exit code says so, nothing is half there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.test_kill import State, leftovers
from tests.support import compare, peers, trees
from tests.support.programs import Restic, Strongroom
from tests.support.servers.ports import reserve
from tests.support.servers.rest_server import RestServer
from tests.support.waiting import PATIENCE, until


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A file system of this size, in memory; needs root."""
    place.mkdir()
    options = f"size={megabytes}m,mode=700"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=False).returncode:
        pytest.skip("cannot mount here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.root
def test_a_full_disk(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """One repository's disk is full: 71, the other has the snapshot, the full one passes restic's check as it is."""
    source = trees.large(tmp_path / "source", megabytes=60)
    whole = tmp_path / "whole"
    with small_disk(tmp_path / "small", 40) as disk:
        for repository in (disk / "full", whole):
            strongroom.init(repository)
        ended = strongroom.run("-r", disk / "full", "-r", whole, "backup", source).expect(71)
        assert str(disk / "full") in ended.err
        assert not State.of(disk / "full").snapshots
        assert not leftovers(disk / "full")
        restic.on(disk / "full", "check", "--read-data", "--no-lock").expect(0)
        restic.check(whole)
        strongroom.restore(whole, tmp_path / "out")
        compare.assert_same(source, compare.restored(tmp_path / "out", source))


@pytest.mark.root
def test_a_full_folder_for_temporary_files(strongroom: Strongroom, tmp_path: Path) -> None:
    """Where waiting packs find no room on the disk, the slow repository alone is touched, and no file is accused."""
    source = trees.large(tmp_path / "source", megabytes=60)
    whole = tmp_path / "whole"
    strongroom.init(whole)
    with small_disk(tmp_path / "small", 10) as disk, RestServer() as server:
        slow = "rest:" + server.url
        strongroom.init(slow)
        server.pace = 12 << 20
        slowly = ("-o", "rest.connections=1", "--pack-size", "4")
        words = ("-r", slow, "-r", whole, *slowly, "backup", "--json", source)
        ended = strongroom.run(*words, env={"TMPDIR": str(disk)}).expect(0)
        assert str(source) not in ended.err
        assert len([line for line in ended.lines() if line["message_type"] == "summary"]) == 2
        for repository in (slow, whole):
            strongroom.check(repository, read_data=False)


@pytest.mark.root
def test_a_full_disk_alone(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """With the only repository full, the run fails with 1, names the cause, and completes once there is room."""
    source = trees.large(tmp_path / "source", megabytes=60)
    with small_disk(tmp_path / "small", 40) as disk:
        strongroom.init(disk / "full")
        ended = strongroom.run("-r", disk / "full", "backup", source).expect(1)
        assert "space" in ended.err
        subprocess.run(["mount", "-o", "remount,size=120m", disk], check=True)
        strongroom.run("-r", disk / "full", "backup", source).expect(0)
        restic.check(disk / "full")


@pytest.mark.root
def test_reading_when_the_disk_is_full(strongroom: Strongroom, tmp_path: Path) -> None:
    """Where there is no room for a lock the way to read all the same is named, and so is the file that a dump fills."""
    (tmp_path / "file").write_bytes(bytes(200_000))
    with small_disk(tmp_path / "small", 1) as disk:
        strongroom.init(disk / "full")
        strongroom.run("-r", disk / "full", "backup", tmp_path / "file").expect(0)
        with pytest.raises(OSError, match="No space"):
            (disk / "filler").write_bytes(bytes(1 << 20))
        assert "--no-lock" in strongroom.run("-r", disk / "full", "ls", "latest").expect(1).err
        strongroom.run("-r", disk / "full", "--no-lock", "ls", "latest").expect(0)
        words = ("dump", "--no-lock", "latest", tmp_path / "file", "--target", disk / "copy")
        assert f"{disk / 'copy'}: No space" in strongroom.run("-r", disk / "full", *words).expect(1).err


@contextmanager
def rest_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """``rclone serve restic`` over a folder on a free local port; the URL and the process."""
    keeper = reserve()
    port = keeper.getsockname()[1]
    command: list[str | Path] = [peers.require("rclone"), "serve", "restic", "--addr", f"127.0.0.1:{port}", folder]
    quiet = subprocess.DEVNULL
    environment = {**os.environ, "RCLONE_CONFIG": "/dev/null"}

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with keeper, subprocess.Popen(command, stdout=quiet, stderr=quiet, env=environment) as server:
        try:
            until(answers)
            yield f"rest:http://127.0.0.1:{port}/", server
        finally:
            server.send_signal(signal.SIGCONT)
            server.kill()


@pytest.mark.peer("rclone")
@pytest.mark.slow
def test_a_server_that_goes_away(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """A REST server is killed half-way: 71, the local repository is complete; the next run brings the other level."""
    source = trees.large(tmp_path / "source", megabytes=64)
    local, remote = tmp_path / "local", tmp_path / "remote"
    remote.mkdir()
    strongroom.init(local)
    options = ("backup", "--limit-upload", "16000", "-o", "rest.retry-for=3", source)
    with rest_server(remote) as (url, server):
        strongroom.run("init", "-r", url, "--copy-chunker-params", "--from-repo", local).expect(0)
        process = strongroom.start("-r", local, "-r", url, *options)
        until(lambda: State.of(remote).packs, pause=0.01)
        server.kill()
        assert process.wait(timeout=PATIENCE) == 71
    restic.check(local)
    assert not State.of(remote).snapshots
    with rest_server(remote) as (url, _):
        strongroom.run("-r", url, "backup", source).expect(0)
        restic.on(url, "unlock").expect(0)  # of the run that could not remove its lock: stale, since it has ended
        restic.check(url)
        strongroom.restore(url, tmp_path / "out")
    compare.assert_same(source, compare.restored(tmp_path / "out", source))
