"""Programs that back up the same tree into one repository in turn store nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import Program, Restic, Rustic, Strongroom
from tests.support.waiting import PATIENCE, until


def _backup(program: Program, repository: Path, source: Path, *options: str) -> dict[str, Any]:
    """The summary of a backup of ``source`` by its relative path: folders above it may change meanwhile."""
    arguments = ("backup", "--json", *options, source.name)
    ended = program.on(repository, *arguments, cwd=source.parent).expect(0)
    if program.name == "rustic":
        summary: dict[str, Any] = ended.json()["summary"]
        return summary
    (found,) = [line for line in ended.lines() if line.get("message_type") == "summary"]
    return dict(found)


@pytest.mark.parametrize("version", ["1", "2"])
def test_we_add_nothing_to_what_restic_saved(
    version: str, restic: Restic, strongroom: Strongroom, repository: Path, hostile_source: Path
) -> None:
    """After restic, our backup of the same hostile tree adds no data blob and no tree blob."""
    restic.init(repository, "--repository-version", version)
    _backup(restic, repository, hostile_source)
    packs = sorted(path.name for path in (repository / "data").glob("*/*"))
    summary = _backup(strongroom, repository, hostile_source)
    assert (summary["data_blobs"], summary["tree_blobs"]) == (0, 0)
    assert packs == sorted(path.name for path in (repository / "data").glob("*/*"))


@pytest.mark.parametrize("version", ["1", "2"])
def test_restic_adds_nothing_to_what_we_saved(
    version: str, restic: Restic, strongroom: Strongroom, repository: Path, hostile_source: Path
) -> None:
    """After us, restic's backup of the same hostile tree, read anew, adds no data blob and no tree blob."""
    strongroom.init(repository, "--repository-version", version)
    _backup(strongroom, repository, hostile_source)
    summary = _backup(restic, repository, hostile_source, "--force")
    assert (summary["data_blobs"], summary["tree_blobs"]) == (0, 0)


def test_turns_over_a_changing_tree(restic: Restic, strongroom: Strongroom, repository: Path, source: Path) -> None:
    """While a tree changes, whoever comes second finds everything there, each time."""
    restic.init(repository)
    order: list[Program] = [restic, strongroom]
    for turn in range(4):
        (source / f"new{turn}").write_bytes(b"%d" % turn * 100_000)
        (source / "folder1" / "grows").open("ab").write(b"more" * 1000)
        first, second = order[turn % 2], order[1 - turn % 2]
        assert _backup(first, repository, source)["data_blobs"] > 0
        summary = _backup(second, repository, source)
        assert (summary["data_blobs"], summary["tree_blobs"]) == (0, 0)
    restic.check(repository)
    strongroom.check(repository)


def test_no_data_twice_beside_rustic(
    rustic: Rustic, strongroom: Strongroom, repository: Path, hostile_source: Path
) -> None:
    """rustic spells trees in its own way; the data of files is still stored once, whoever comes first."""
    rustic.init(repository)
    _backup(rustic, repository, hostile_source)
    assert _backup(strongroom, repository, hostile_source)["data_blobs"] == 0


def test_rustic_finds_our_data(rustic: Rustic, strongroom: Strongroom, repository: Path, hostile_source: Path) -> None:
    """After us, rustic adds no data blob either."""
    strongroom.init(repository)
    _backup(strongroom, repository, hostile_source)
    assert _backup(rustic, repository, hostile_source)["data_blobs"] == 0


def _holds_a_lock(repository: Path) -> bool:
    """Whether there is a lock, not the temporary file of one."""
    return any(len(name) == 64 for name in os.listdir(repository / "locks"))


def _stopped_within_check(restic: Restic, repository: Path) -> subprocess.Popen[bytes]:
    """A restic that is stopped while it checks and holds its lock; the check is short, so that may take some tries."""
    while True:
        checking = restic.start("-r", repository, "check")
        until(lambda checking=checking: checking.poll() is not None or _holds_a_lock(repository), pause=0.002)  # type: ignore[misc]
        checking.send_signal(signal.SIGSTOP)
        if checking.poll() is None:
            os.waitid(os.P_PID, checking.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if checking.poll() is None and _holds_a_lock(repository):
            return checking
        checking.send_signal(signal.SIGCONT)
        assert checking.wait(PATIENCE) == 0


def test_restics_exclusive_lock_keeps_us_out(
    restic: Restic, strongroom: Strongroom, repository: Path, source: Path
) -> None:
    """While restic checks, under an exclusive lock, our backup ends with 11 and nothing stored; then it succeeds."""
    restic.init(repository)
    with _stopped_within_check(restic, repository) as checking:
        try:
            strongroom.on(repository, "backup", source).expect(11)
        finally:
            checking.send_signal(signal.SIGCONT)
    assert not os.listdir(repository / "snapshots")
    strongroom.backup(repository, source)


def test_our_lock_keeps_restic_from_pruning(restic: Restic, strongroom: Strongroom, repository: Path) -> None:
    """While we back up, restic sees our lock and refuses to prune."""
    restic.init(repository)
    command = ("-r", repository, "backup", "--stdin", "--stdin-filename", "typed")
    with strongroom.start(*command, stdin=subprocess.PIPE) as backing_up:
        until(lambda: _holds_a_lock(repository))
        refused = restic.on(repository, "prune")
        listed = restic.on(repository, "list", "locks", "--no-lock").expect(0).stdout.split()
        assert backing_up.stdin is not None
        backing_up.stdin.write(b"content")
        backing_up.stdin.close()
    assert refused.code != 0
    assert "locked" in refused.err
    assert len(listed) == 1
    assert backing_up.returncode == 0
    assert not os.listdir(repository / "locks")
    restic.on(repository, "prune").expect(0)
