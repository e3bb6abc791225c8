"""`strongroom backup` as a user runs it: sources, several repositories, streams, signals, JSON."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Result
from tests.support.programs import DebianRestic, Restic, Strongroom
from tests.support.waiting import PATIENCE, kept, until


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A source that is saved in no time."""
    folder = tmp_path / "small"
    (folder / "sub").mkdir(parents=True)
    (folder / "one.txt").write_text("one")
    (folder / "two.tmp").write_text("two")
    (folder / "sub" / "three").write_text("three")
    return folder


def _summaries(result: Result) -> list[dict[str, Any]]:
    return [event for event in result.lines() if event["message_type"] == "summary"]


def test_one_repository_of_two_is_missing(strongroom: Strongroom, tmp_path: Path, small: Path) -> None:
    """The other one gets its snapshot, the exit code is 71, and each has a summary that names it."""
    good, gone = tmp_path / "good", tmp_path / "gone"
    strongroom.init(good)
    ended = strongroom.run("-r", gone, "-r", good, "backup", "--json", small).expect(71)
    failed, saved = _summaries(ended)
    assert (failed["repository"], saved["repository"]) == (str(gone), str(good))
    assert "repository does not exist" in failed["failure"]
    assert "snapshot_id" not in failed
    assert [snapshot["id"] for snapshot in strongroom.snapshots(good)] == [saved["snapshot_id"]]
    shown = strongroom.run("-r", gone, "-r", good, "backup", small).expect(71)
    assert f"{gone}: NO SNAPSHOT" in shown.out
    assert "1 of 2 snapshots were not made" in shown.err


def test_a_missing_path_is_3_and_all_missing_is_1(strongroom: Strongroom, repository: Path, small: Path) -> None:
    """What is there is saved; with nothing there, nothing is."""
    strongroom.init(repository)
    ended = strongroom.on(repository, "backup", small, small / "nope").expect(3)
    assert "nope" in ended.err
    assert ended.err.splitlines()[-1] == "Warning: at least one source file could not be read"
    strongroom.on(repository, "backup", small / "nope").expect(1)
    assert [snapshot["paths"] for snapshot in strongroom.snapshots(repository)] == [[str(small)]]


@pytest.mark.parametrize("kind", [Restic, DebianRestic])
def test_json_has_restics_keys(
    kind: type[Restic], strongroom: Strongroom, home: Path, tmp_path: Path, small: Path
) -> None:
    """With one repository every event of restic's is there, with at least restic's keys, and the counts agree."""
    events = []
    for program, name in ((strongroom, "ours"), (kind(home), "theirs")):
        program.init(tmp_path / name)
        events.append(program.on(tmp_path / name, "backup", "--json", "-v", small).expect(0).lines())
    ours, theirs = events
    for theirs_event in theirs:
        kind = {"scan_finished": "scan_finished"}.get(theirs_event.get("action"), theirs_event["message_type"])
        same = [event for event in ours if kind in (event["message_type"], event.get("action"))]
        optional = {"current_files", "seconds_remaining", "seconds_elapsed"}
        assert any(theirs_event.keys() - optional <= event.keys() for event in same), theirs_event
    (our_summary,), (their_summary,) = (
        [event for event in one if event["message_type"] == "summary"] for one in events
    )
    counted = [
        key
        for key in their_summary
        if key.startswith(("files", "dirs", "data_blobs", "tree_blobs", "total_f", "total_b"))
    ]
    assert counted
    for key in counted:
        assert our_summary[key] == their_summary[key], key
    assert "repository" not in our_summary


def test_sources_of_the_file_and_options_before_it(strongroom: Strongroom, tmp_path: Path, small: Path) -> None:
    """Each source goes to its repositories with its excludes and tags; an option replaces the list of the file."""
    (tmp_path / "secret").write_text("password\n")
    configuration = tmp_path / "config.toml"
    configuration.write_text(f"""
version = 1
[repository.near]
url = "{tmp_path}/near"
password = {{ file = "{tmp_path}/secret" }}
[repository.far]
url = "{tmp_path}/far"
password = {{ file = "{tmp_path}/secret" }}
[source.all]
paths = ["{small}"]
exclude = ["*.tmp"]
tags = ["nightly"]
[source.part]
paths = ["{small}/sub"]
repositories = ["far"]
""")
    strongroom.env.pop("RESTIC_PASSWORD")
    options = ("--config", configuration)
    strongroom.run(*options, "init").expect(0)
    saved = _summaries(strongroom.run(*options, "backup", "--json").expect(0))
    assert [(one["source"], one["repository"]) for one in saved] == [("all", "near"), ("all", "far"), ("part", "far")]
    near = strongroom.run(*options, "-r", "near", "snapshots", "--json").expect(0).json()
    assert [snapshot["tags"] for snapshot in near] == [["nightly"]]
    listed = strongroom.run(*options, "ls", "latest").expect(0)
    assert "two.tmp" not in listed.out
    assert "near" in listed.err
    strongroom.run(*options, "-r", "near", "backup", "--source", "all", "--exclude", "one*", "--tag", "x").expect(0)
    again = strongroom.run(*options, "-r", "near", "ls", "latest", "--tag", "x").expect(0)
    assert "two.tmp" in again.out
    assert "one.txt" not in again.out
    stray = strongroom.run(*options, "backup", "--source", "part", env={"RESTIC_REPOSITORY": "near"}).expect(0)
    assert "far" in stray.err


def test_lists_of_files(strongroom: Strongroom, repository: Path, tmp_path: Path, small: Path) -> None:
    """--files-from takes patterns and comments, -verbatim lines as they are, -raw names that end with NUL."""
    strongroom.init(repository)
    (small / "odd\nname").write_text("odd")
    (small / "[x]").write_text("brackets")
    (tmp_path / "patterns").write_text(f"# a comment\n\n  {small}/*.tx?  \n")
    (tmp_path / "verbatim").write_text(f"{small}/[x]\n")
    (tmp_path / "raw").write_bytes(os.fsencode(small) + b"/odd\nname\0")
    lists = [f"--files-from={tmp_path}/patterns", f"--files-from-verbatim={tmp_path}/verbatim"]
    strongroom.on(repository, "backup", *lists, "--files-from-raw", tmp_path / "raw").expect(0)
    listed = strongroom.on(repository, "ls", "latest", "--json").expect(0).lines()
    files = {Path(node["path"]).name for node in listed[1:] if node["type"] == "file"}
    assert files == {"one.txt", "[x]", "odd\nname"}


def test_streams(strongroom: Strongroom, repository: Path) -> None:
    """Standard input and a command's output become one file; a command that fails leaves no snapshot."""
    strongroom.init(repository)
    strongroom.on(repository, "backup", "--stdin", "--stdin-filename", "db.sql", stdin=b"select 1").expect(0)
    assert strongroom.on(repository, "dump", "latest", "/db.sql").expect(0).stdout == b"select 1"
    strongroom.on(repository, "backup", "--stdin-from-command", "--", "printf", "%s-%s", "a", "b").expect(0)
    assert strongroom.on(repository, "dump", "latest", "/stdin").expect(0).stdout == b"a-b"
    failed = strongroom.on(repository, "backup", "--stdin-from-command", "--", "sh", "-c", "echo half; exit 7").expect(
        1
    )
    assert "exit code 7" in failed.err
    assert len(strongroom.snapshots(repository)) == 2


def test_signals(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """SIGUSR1 shows progress; SIGINT ends the run with 130 within ten seconds, without a lock, a snapshot or a
    traceback."""
    strongroom.init(repository)
    kept(10, lambda: _interrupted(strongroom, repository, tmp_path / "said"))


def _interrupted(strongroom: Strongroom, repository: Path, said: Path) -> float:
    """A run that is interrupted while it waits for its standard input; the seconds from the signal to its end."""
    command: list[str | Path] = [strongroom.executable, "-r", repository, "backup", "--stdin"]
    with (
        said.open("wb") as file,
        subprocess.Popen(command, env=strongroom.env, stdin=subprocess.PIPE, stdout=file, stderr=file) as run,
    ):
        assert run.stdin is not None
        run.stdin.write(os.urandom(1 << 20))
        run.stdin.flush()
        until(lambda: any((repository / "locks").iterdir()))

        def shown() -> bool:
            run.send_signal(signal.SIGUSR1)
            return re.search(rb"\[\d+:\d\d\]", said.read_bytes()) is not None

        until(shown, said.read_text, pause=0.3)
        run.send_signal(signal.SIGINT)
        begun = time.monotonic()
        run.wait(timeout=PATIENCE)  # its standard input stays open: it must not wait for the end
        took = time.monotonic() - begun
    assert run.returncode == 130, said.read_text()
    assert b"Traceback" not in said.read_bytes()
    assert not any((repository / "locks").iterdir())
    assert strongroom.snapshots(repository) == []
    return took
