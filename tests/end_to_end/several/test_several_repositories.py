"""Several repositories in one run: none waits for another that is slow, sick or not there, and each gets all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.repository.opening import open_repository
from strongroom.storage.local.store import LocalStore
from tests.support import trees
from tests.support.programs import Strongroom
from tests.support.servers.ports import reserve
from tests.support.servers.rest_server import RestServer
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Some megabytes that do not compress."""
    return trees.large(tmp_path / "source", megabytes=24)


@pytest.fixture
def local(strongroom: Strongroom, tmp_path: Path) -> Path:
    """A healthy repository."""
    strongroom.init(tmp_path / "local")
    return tmp_path / "local"


@pytest.fixture
def server(strongroom: Strongroom) -> Iterator[RestServer]:
    """A server with a repository."""
    with RestServer() as server:
        strongroom.init(place(server))
        yield server


ONE_BY_ONE = ("-o", "rest.connections=1", "--pack-size", "4")
"""Little is on its way to a server at once, so that a slow one is soon behind."""


def place(server: RestServer) -> str:
    """How a user names the server's repository."""
    return "rest:" + server.url


@contextlib.contextmanager
def running(strongroom: Strongroom, *words: str | Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A command under way, ended in any case."""
    process = subprocess.Popen(
        [strongroom.executable, *map(str, words)],
        env=strongroom.env,
        stdin=options.get("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)
        if process.stdout is not None:
            process.stdout.close()  # unread: what a killed command leaves behind may hold the other end


def said(process: subprocess.Popen[bytes]) -> str:
    """Wait for its end, and what it said until then."""
    return process.communicate(timeout=PATIENCE)[0].decode()


def snapshots(repository: Path) -> list[str]:
    return os.listdir(repository / "snapshots")


def until_finished(process: subprocess.Popen[bytes], repository: Path, number: int = 1) -> None:
    """Wait until a repository has its snapshots, and nobody's lock any more, or nobody is there to make them."""

    def is_so() -> bool:
        over = process.poll() is not None
        there = len(snapshots(repository)) == number and not os.listdir(repository / "locks")
        assert there or not over, said(process)
        return there

    until(is_so)


def holds(strongroom: Strongroom, repository: str | Path, name: str, data: bytes) -> bool:
    """Whether a repository's newest snapshot has just these bytes in a file."""
    dumped = strongroom.on(repository, "dump", "latest", name).expect(0).stdout
    return hashlib.sha256(dumped).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("from_command", [False, True], ids=["stdin", "command"])
def test_a_stream_waits_for_the_slower_repository(
    strongroom: Strongroom, local: Path, server: RestServer, tmp_path: Path, from_command: bool
) -> None:
    """What cannot be read twice is whole in both, also when it is larger than what may wait on disk."""
    data = os.urandom(40 << 20)
    server.pace = 8 << 20
    words = ("-r", local, "-r", place(server), *ONE_BY_ONE, "backup", "--spool", "8M", "--stdin-filename", "dump")
    if from_command:
        (tmp_path / "data").write_bytes(data)
        strongroom.run(*words, "--stdin-from-command", "--", "cat", tmp_path / "data").expect(0)
    else:
        strongroom.run(*words, "--stdin", stdin=data).expect(0)
    assert holds(strongroom, local, "/dump", data)
    assert holds(strongroom, place(server), "/dump", data)


@pytest.mark.parametrize("fault", ["stall", "status"], ids=["silent", "error 500"])
@pytest.mark.parametrize("first", ["healthy", "sick"])
def test_a_healthy_repository_is_finished_while_another_is_sick(
    strongroom: Strongroom, local: Path, server: RestServer, source: Path, fault: str, first: str
) -> None:
    """It has its snapshot and no lock while the other is still tried, and an interruption then takes nothing away."""
    server.fail("POST", fault, 10_000, matching="/data/")
    repositories: list[str | Path] = [local, place(server)] if first == "healthy" else [place(server), local]
    with running(strongroom, "-r", repositories[0], "-r", repositories[1], "backup", source) as process:
        until_finished(process, local)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert "snapshot " + snapshots(local)[0][:8] in said(process)
        assert process.returncode == 130
    strongroom.check(local)
    assert not any("/snapshots/" in path for method, path in server.requests if method == "POST")


@pytest.mark.parametrize("what", ["/keys/", "/locks/"])
def test_a_repository_that_cannot_be_opened_holds_nobody_up(
    strongroom: Strongroom, local: Path, server: RestServer, source: Path, what: str
) -> None:
    """A server that falls silent before the source is read keeps the other repository from nothing."""
    for method in ("GET", "HEAD", "POST"):
        server.fail(method, "stall", 1000, matching=what)
    with running(strongroom, "-r", place(server), "-r", local, "backup", source) as process:
        until_finished(process, local)
        assert process.poll() is None


def test_a_server_that_is_not_there_holds_nobody_up(strongroom: Strongroom, local: Path, source: Path) -> None:
    """Where nobody answers, the others are finished before that is given up; the exit code is 71."""
    with reserve() as nobody:
        url = f"rest:http://127.0.0.1:{nobody.getsockname()[1]}/"
        words = ("-r", url, "-r", local, "-o", "rest.retry-for=30", "backup", source)
        with running(strongroom, *words) as process:
            until_finished(process, local)
            assert process.poll() is None
            assert "cannot be reached" in said(process)
            assert process.returncode == 71


def test_who_comes_late_gets_a_pass_of_its_own(
    strongroom: Strongroom, local: Path, server: RestServer, source: Path
) -> None:
    """A repository that could not be opened when the others began is saved to when it is back."""
    server.fail("GET", "status", 1000, status=503, matching="/keys/")
    with running(strongroom, "-r", local, "-r", place(server), "backup", source) as process:
        until_finished(process, local)
        server.faults.clear()
        assert "pass of its own" in said(process)
        assert process.returncode == 0
    strongroom.check(place(server))


def test_a_locked_repository_holds_nobody_up(strongroom: Strongroom, local: Path, source: Path, tmp_path: Path) -> None:
    """While one waits for somebody's lock the other is finished."""
    locked = tmp_path / "locked"
    strongroom.init(locked)
    password = strongroom.env["RESTIC_PASSWORD"].encode()
    with open_repository(LocalStore(str(locked)), password) as opened, opened.lock(exclusive=True):
        words = ("-r", locked, "-r", local, "--retry-lock", "10m", "backup", source)
        with running(strongroom, *words) as process:
            until_finished(process, local)
            assert process.poll() is None


@pytest.mark.parametrize("fault", ["full", "gone", "refused"])
@pytest.mark.parametrize("stubborn", [False, True], ids=["", "ignores SIGTERM"])
def test_a_command_ends_with_the_store(
    strongroom: Strongroom, server: RestServer, tmp_path: Path, fault: str, stubborn: bool
) -> None:
    """When nothing can be stored any more, the command and all that it started are ended, and the exit code is 1."""
    pids = tmp_path / "pids"
    trap = "trap '' TERM PIPE; " if stubborn else ""
    script = f"{trap}sleep 1000 & echo $! $$ > {pids}; while :; do head -c 1000000 /dev/urandom; done 2>/dev/null"
    if fault == "gone":
        repository = str(tmp_path / "gone")
        strongroom.init(repository)
    else:
        repository = place(server)
        status = 507 if fault == "full" else 403
        server.fail("POST", "status", 1000, matching="/data/", status=status)
    words = ("-r", repository, "backup", "--stdin-from-command", "--", "sh", "-c", script)
    with running(strongroom, *words) as process:
        if fault == "gone":
            until(pids.exists)
            # In one step: while it is removed file by file, new files come, and its folder is not empty.
            os.rename(repository, tmp_path / "elsewhere")
        assert said(process)
        assert process.returncode == 1
    for pid in pids.read_text().split():
        until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]


def test_a_command_does_not_outlive_an_interruption(strongroom: Strongroom, local: Path, tmp_path: Path) -> None:
    """A silent command that takes no notice of SIGTERM is ended by a second signal, too, with what it started."""
    pids = tmp_path / "pids"
    script = f"trap '' TERM; sleep 1000 & echo $! $$ > {pids}; while :; do sleep 1; done"
    words = ("-r", local, "backup", "--stdin-from-command", "--", "sh", "-c", script)
    with running(strongroom, *words) as process:
        until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.6)  # sooner it would be the same wish
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)
        assert process.returncode == 130
    for pid in pids.read_text().split():
        until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]
    assert not os.listdir(local / "locks")


def is_running(pid: str) -> bool:
    """Whether a process is there and no mere rest that nobody has asked about."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_standard_input_that_nobody_closes_ends_with_the_store(strongroom: Strongroom, server: RestServer) -> None:
    """When nothing can be stored any more, the rest of the stream is not waited for."""
    server.fail("POST", "status", 1000, matching="/data/", status=507)
    with running(strongroom, "-r", place(server), "backup", "--stdin", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(os.urandom(40 << 20))
            process.stdin.flush()
        process.wait(PATIENCE)
        assert process.returncode == 1
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdin = None


def test_a_command_that_fails_late_gives_no_snapshot_anywhere(
    strongroom: Strongroom, local: Path, tmp_path: Path
) -> None:
    """Half a dump must not pass for a backup in any repository, however long ago it has stored the bytes."""
    other = tmp_path / "other"
    strongroom.init(other)
    script = "head -c 1000000 /dev/urandom; exec >&-; sleep 2; exit 3"
    words = ("-r", local, "-r", other, "backup", "--stdin-from-command", "--", "sh", "-c", script)
    assert "exit code 3" in strongroom.run(*words).expect(1).err
    assert not snapshots(local) and not snapshots(other)


def test_one_source_after_the_other_waits_for_no_sick_repository(
    strongroom: Strongroom, local: Path, server: RestServer, source: Path, tmp_path: Path
) -> None:
    """Of several sources of the file each reaches the healthy repository while the sick one is tried for the first."""
    server.fail("POST", "stall", 1000, matching="/data/")
    other = trees.large(tmp_path / "other source", megabytes=1, seed=3)
    file = tmp_path / "config.toml"
    file.write_text(
        f'version = 1\n[repository.sick]\nurl = "{place(server)}"\n[repository.local]\nurl = "{local}"\n'
        f'[source.one]\npaths = ["{source}"]\n[source.two]\npaths = ["{other}"]\n'
    )
    file.chmod(0o600)
    with running(strongroom, "--config", file, "backup") as process:
        until_finished(process, local, 2)
        assert process.poll() is None


def test_trees_of_a_silent_repository_are_done_without(
    strongroom: Strongroom, local: Path, server: RestServer, source: Path
) -> None:
    """A healthy repository does not wait for the other's copy of the last run, and reads everything instead."""
    strongroom.backup(place(server), source)
    server.fail("GET", "stall", 1000, matching="/data/")
    with running(strongroom, "--no-cache", "-r", place(server), "-r", local, "backup", source) as process:
        until_finished(process, local)
        assert process.poll() is None or process.returncode == 0
    strongroom.check(local)
