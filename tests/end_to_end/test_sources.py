"""What becomes of sources that move under a backup, or that are deeper than anybody expects."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import command
from tests.support.programs import Restic, Strongroom
from tests.support.waiting import PATIENCE, until


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A source that is saved in no time."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "one.txt").write_text("one")
    return folder


def _stopped_within(strongroom: Strongroom, repository: Path, source: Path, name: str) -> subprocess.Popen[bytes]:
    """A backup that is stopped while it reads a file; that is short, so it may take some tries on a busy machine."""
    command = [
        strongroom.executable,
        "-r",
        repository,
        "backup",
        "--json",
        "--force",
        "--read-concurrency",
        "1",
        source,
    ]

    def is_reading(process: int) -> bool:
        for link in Path(f"/proc/{process}/fd").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                if os.path.basename(os.readlink(link)) == name:
                    return True
        return False

    def stopped() -> subprocess.Popen[bytes] | None:
        run = subprocess.Popen(
            [str(part) for part in command], env=strongroom.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        until(lambda: run.poll() is not None or is_reading(run.pid), pause=0.0005)
        if run.poll() is None:
            run.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, run.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
            if run.poll() is None and is_reading(run.pid):
                return run
            run.send_signal(signal.SIGCONT)
        _, err = run.communicate(timeout=PATIENCE)
        assert run.returncode == 0, err
        return None

    return until(stopped)


def test_what_vanishes_after_it_was_listed_was_never_there(
    strongroom: Strongroom, repository: Path, tmp_path: Path
) -> None:
    """Folders and files that go while a large file is read before them are no errors; the exit code is 0."""
    strongroom.init(repository)
    source = tmp_path / "source"
    for name in ("a folder", "a/nested/one", "z folder"):
        (source / name).mkdir(parents=True)
        (source / name / "file").write_text("soon gone")
    (source / "a file").write_text("stays")
    (source / "b large").write_bytes(os.urandom(48 << 20))
    (source / "c file").write_text("soon gone")
    (source / "c link").symlink_to("a file")
    with _stopped_within(strongroom, repository, source, "b large") as run:
        for name in ("a folder", "a", "z folder"):
            subprocess.run(["rm", "-r", source / name], check=True)
        (source / "c file").unlink()
        (source / "c link").unlink()
        run.send_signal(signal.SIGCONT)
        out, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, err) == (0, b""), out
    listed = strongroom.on(repository, "ls", "latest").expect(0).out
    assert "a file" in listed and "b large" in listed
    assert not any(name in listed for name in ("a folder", "nested", "z folder", "c file", "c link"))
    strongroom.check(repository)


def test_a_source_that_vanished_is_missed(
    strongroom: Strongroom, repository: Path, tmp_path: Path, small: Path
) -> None:
    """What the user named and is not there is exit code 3; the others are saved."""
    strongroom.init(repository)
    answer = strongroom.on(repository, "backup", small, tmp_path / "gone")
    assert answer.code == 3 and "gone" in answer.err


def test_a_removed_working_folder_matters_to_relative_paths_alone(
    strongroom: Strongroom, repository: Path, tmp_path: Path, small: Path
) -> None:
    """Every verb works there with absolute paths; a relative one is an error that says why."""
    strongroom.init(repository)
    folder = tmp_path / "removed"
    folder.mkdir()

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
        command = [strongroom.executable, "-r", repository, *arguments]
        script = 'cd "$0"; mkdir -p x; cd x; rmdir "$PWD"; exec "$@"'
        return subprocess.run(
            ["sh", "-c", script, folder, *command], env=strongroom.env, capture_output=True, check=False, timeout=120
        )

    target = tmp_path / "target"
    for arguments in (
        ["backup", small],
        ["backup", small],
        ["snapshots", "--path", small],
        ["snapshots", "--path", "relative"],
        ["ls", "latest"],
        ["find", "one.txt"],
        ["stats"],
        ["check"],
        ["dump", "latest", small / "one.txt"],
        ["restore", "latest", "--target", target],
        ["cat", "config"],
        ["key", "list"],
        ["unlock"],
        ["cache"],
    ):
        answer = run(*arguments)
        assert answer.returncode == 0, (arguments, answer.stderr)
    assert (target / small.relative_to("/") / "one.txt").exists()
    answer = run("backup", ".")
    assert answer.returncode == 1 and b"the current folder was removed" in answer.stderr


def _deep(top: Path, depth: int) -> None:
    """Make a chain of folders, each with another one beside the next, and a file at its end."""
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        os.mkdir("e", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with open("file", "w", opener=lambda path, flags: os.open(path, flags, dir_fd=here)) as file:
        file.write("at the end")
    os.close(here)


def _end(top: Path, depth: int) -> int:
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    return here


@pytest.mark.peer("restic")
def test_trees_as_deep_as_a_path_can_be(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """What either program saved at such a depth every verb reads, and a restore brings all of it back."""
    for writer, depth in ((strongroom, 2000), (restic, 300)):  # restic takes its time
        repository, deep = tmp_path / writer.name, tmp_path / f"{depth}"
        _deep(deep, depth)
        writer.init(repository)
        writer.on(repository, "backup", ".", cwd=deep).expect(0)
        end = _end(deep, depth)
        with open(os.open("file", os.O_WRONLY | os.O_APPEND, dir_fd=end), "a") as file:
            file.write(", and on")
        os.close(end)
        writer.on(repository, "backup", ".", cwd=deep).expect(0)
        strongroom.on(repository, "check", "--read-data").expect(0)
        path = "/d" * depth + "/file"
        assert path in strongroom.on(repository, "ls", "latest").expect(0).out.splitlines()
        assert path in strongroom.on(repository, "find", "file").expect(0).out.splitlines()
        assert strongroom.on(repository, "dump", "latest", path).expect(0).out.startswith("at the end, and on")
        strongroom.on(repository, "dump", "latest", "/").expect(0)
        older, newer = [str(snapshot["id"]) for snapshot in strongroom.snapshots(repository)]
        assert f"M    {path}" in strongroom.on(repository, "diff", older, newer).expect(0).out.splitlines()
        for mode in ("restore-size", "files-by-contents", "raw-data", "blobs-per-file"):
            strongroom.on(repository, "stats", "--mode", mode).expect(0)
        target = tmp_path / f"out of {writer.name}"
        strongroom.on(repository, "restore", "latest", "--target", target).expect(0)
        end = _end(target, depth)
        assert "file" in os.listdir(end)
        os.close(end)


def test_few_open_files_are_enough_for_a_deep_tree(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """A tree with work left in each of 150 folders below each other is saved whole by a process with 64 open files."""
    strongroom.init(repository)
    place = tmp_path / "source"
    for level in range(150):
        for name in ("before", "z after"):
            (place / name).mkdir(parents=True)
            (place / name / "file").write_text(f"{name} {level}")
        (place / "file").write_text(f"at {level}")
        place /= "m"
    save = ["sh", "-c", 'ulimit -n 64; exec "$0" "$@"', strongroom.executable, "-r", repository, "backup", "--json"]
    for _ in range(2):  # with a parent, whose packs are open beside the folders
        result = command.run([str(word) for word in (*save, tmp_path / "source")], env=strongroom.env).expect(0)
        assert result.lines()[-1]["total_files_processed"] == 450
