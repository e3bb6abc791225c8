"""A link named ``restic`` to our command, called as wrappers call restic, and read as they read it.

The patterns and the members are those that resticprofile (``shell/analyser.go``, ``plain_summary.go``,
``json_summary.go``), Backrest (``pkg/restic/restic.go``, ``outputs.go``), autorestic (``internal/metadata``) and
scripts like borgmatic's look for. Each test runs with the newest restic as well, so that none asks for what it has not.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import waiting
from tests.support.command import Result
from tests.support.programs import Program

pytestmark = pytest.mark.peer("restic")
ID = re.compile(r"[0-9a-f]{64}")


def _together(ended: Result) -> str:
    """Both streams in one, as some wrappers read them."""
    return ended.out + ended.err


def _lines(text: str) -> list[dict[str, Any]]:
    """Lines of JSON, each as resticprofile wants it: the kind first, nothing before or behind it."""
    found = []
    for line in text.splitlines():
        assert line.startswith('{"message_type":"') and line.endswith("}"), line
        found.append(json.loads(line))
    return found


def test_the_version_is_found(program: Program) -> None:
    """The number stands where all of them look for it, on both forms of the command, and as JSON."""
    for words in (["version"], ["version", "--json"]):
        told = program.run(*words).expect(0).out
        number = json.loads(told)["version"] if "--json" in words else re.match(r"restic (\d+\.\d+\.\d+)", told)[1]  # type: ignore[index]
        assert tuple(map(int, number.split("."))) >= (0, 17, 0)


def test_a_repository_is_made_once(program: Program) -> None:
    """Backrest runs init each time and looks for one sentence; autorestic runs snapshots first and takes the code."""
    assert program.run("snapshots").code == program.run("cat", "config").code == 10
    made = json.loads(program.run("init", "--json").expect(0).out)
    assert made["message_type"] == "initialized" and ID.fullmatch(made["id"]) and made["repository"]
    again = program.run("init", "--json")
    assert again.code == 1 and "config file already exists" in _together(again)
    assert ID.fullmatch(json.loads(program.run("cat", "config", "--json").expect(0).out)["id"])
    assert json.loads(_together(program.run("snapshots", "--json").expect(0))) == []
    assert program.run("snapshots", env={"RESTIC_PASSWORD": "wrong"}).code == 12


def test_a_backup_in_json(program: Program, source: Path) -> None:
    """Status and summary have every member that Backrest and resticprofile read; both streams are lines of JSON."""
    program.init(program.env["RESTIC_REPOSITORY"])
    words = ("backup", "--json", "--exclude-caches", "--tag", "plan:x", str(source))
    ended = program.run(*words, env={"RESTIC_PROGRESS_FPS": "60"})
    lines = _lines(_together(ended.expect(0)))
    summary = [line for line in lines if line["message_type"] == "summary"]
    assert len(summary) == 1 and ID.fullmatch(summary[0]["snapshot_id"])
    counted = ("files_new", "files_changed", "files_unmodified", "dirs_new", "dirs_changed", "dirs_unmodified")
    counted += ("data_blobs", "tree_blobs", "data_added", "total_files_processed", "total_bytes_processed")  # type: ignore[assignment]
    assert all(isinstance(summary[0][name], int) for name in counted)
    assert summary[0]["files_new"] == summary[0]["total_files_processed"] > 0
    assert isinstance(summary[0]["total_duration"], float)
    for line in lines:
        if line["message_type"] == "status":
            assert 0 <= line["percent_done"] <= 1
            assert all(isinstance(line.get(name, 0), int) for name in ("seconds_elapsed", "total_files", "bytes_done"))


def test_a_backup_in_words(program: Program, source: Path) -> None:
    """The lines that autorestic and resticprofile take numbers from, first with everything new, then with nothing."""
    program.init(program.env["RESTIC_REPOSITORY"])
    for new in (True, False):
        lines = program.run("backup", "--verbose", str(source)).expect(0).out.splitlines()
        files = [re.match(r"Files: +(\d+) new, +(\d+) changed, +(\d+) unmodified$", line) for line in lines]
        dirs = [re.match(r"Dirs: +(\d+) new, +(\d+) changed, +(\d+) unmodified$", line) for line in lines]
        assert [bool(int(found[1])) for found in files if found] == [new] and sum(map(bool, dirs)) == 1
        assert any(re.match(r"Added to the repository: [\d.]+ +\w+ +\([\d.]+ +\w+ +stored\)$", line) for line in lines)
        assert any(re.match(r"processed \d+ files, [\d.]+ [KMG]?i?B in (\d+:)?\d+:\d\d$", line) for line in lines)
        assert any(re.match(r"snapshot [0-9a-f]{8} saved$", line) for line in lines)


def test_the_parent_is_named(program: Program, source: Path) -> None:
    """autorestic gives its hooks the parent out of the line that names it; there is one for a backup without, too."""
    program.init(program.env["RESTIC_REPOSITORY"])
    first = program.run("backup", str(source)).expect(0).out
    assert "no parent snapshot found, will read all files" in first.splitlines()
    saved = re.search(r"^snapshot ([0-9a-f]{8}) saved$", first, re.MULTILINE)
    second = program.run("backup", str(source)).expect(0).out
    parent = re.search(r"^using parent snapshot ([0-9a-f]{8})$", second, re.MULTILINE)
    assert saved and parent and parent[1] == saved[1]


def test_a_dry_run_in_json(program: Program, source: Path) -> None:
    """Backrest takes a summary without a snapshot's ID for none at all; times are times."""
    program.init(program.env["RESTIC_REPOSITORY"])
    summary = _lines(program.run("backup", "--json", "--dry-run", str(source)).expect(0).out)[-1]
    assert summary["message_type"] == "summary" and summary["dry_run"] is True
    assert ID.fullmatch(summary["snapshot_id"])
    assert all(re.match(r"\d{4}-\d\d-\d\dT", summary[name]) for name in ("backup_start", "backup_end"))
    assert program.run("list", "snapshots").expect(0).out == ""
    assert "saved" not in program.run("backup", "--dry-run", str(source)).expect(0).out.splitlines()[-1]


def test_failures_that_end_every_try(program: Program, tmp_path: Path) -> None:
    """runrestic does not try again after these words at a line's beginning; scripts make a repository after others."""
    program.init(program.env["RESTIC_REPOSITORY"])
    wrong = program.run("backup", str(tmp_path), env={"RESTIC_PASSWORD": "wrong"}).expect(12)
    assert wrong.err.startswith("Fatal: wrong password or no key found")
    none = program.run("-r", str(tmp_path / "none"), "backup", str(tmp_path)).expect(10)
    assert "repository does not exist: unable to open config file" in none.err
    assert "config file already exists" in program.run("init").expect(1).err


def test_a_name_that_finds_nothing(program: Program) -> None:
    """Before the first backup `latest` is no failure where restic ignores it, and lists are empty ones."""
    program.init(program.env["RESTIC_REPOSITORY"])
    for words, told in (
        ("snapshots --json latest", "[]"),
        ("find --json --snapshot latest x", "[]"),
        ("stats --json latest", '{"total_size":0,"snapshots_count":0}'),
        ("forget 12345678", ""),
        ("tag --add x 12345678", None),
        ("rewrite --exclude x 12345678", None),
        ("repair snapshots 12345678", None),
    ):
        ended = program.run(*words.split()).expect(0)
        assert "Ignoring" in ended.err and (told is None or ended.out.strip() == told)
    for words in ("ls latest", "dump latest /x", "restore latest --target x"):
        program.run(*words.split()).expect(1)
    program.run("rebuild-index").expect(0)


def test_a_file_that_cannot_be_read(program: Program, source: Path) -> None:
    """The code is 3, and a line of standard error says which item, as resticprofile's pattern has it."""
    program.init(program.env["RESTIC_REPOSITORY"])
    ended = program.run("backup", "--json", str(source), str(source / "nowhere"))
    assert ended.code == 3
    pattern = r'^\{"message_type":"error",.+,"during":"(?:archival|scan)","item":"([^"]+)".*}$'
    assert f"{source / 'nowhere'} does not exist, skipping" in ended.err
    assert '"message_type":"summary"' in ended.out
    assert all(re.match(pattern, line) for line in ended.err.splitlines() if '"error"' in line)
    plain = program.run("backup", str(source / "nowhere"), str(source))
    assert plain.code == 3 and f"{source / 'nowhere'} does not exist, skipping" in plain.err.splitlines()
    for words, told in (([], "nothing to backup, please specify source files/dirs"), (["/nowhere"], "do not exist")):
        assert told in program.run("backup", *words).expect(1).err


def test_listing_and_counting(program: Program, source: Path) -> None:
    """snapshots, ls and stats give, in JSON and with nothing beside it, what Backrest makes its pages of."""
    program.init(program.env["RESTIC_REPOSITORY"])
    program.run("backup", "--tag", "one,two", "--host", "web", str(source)).expect(0)
    (snapshot,) = json.loads(_together(program.run("snapshots", "--json", "--latest", "1", "--tag", "one").expect(0)))
    assert ID.fullmatch(snapshot["id"]) and snapshot["short_id"] == snapshot["id"][:8]
    assert snapshot["tags"] == ["one", "two"] and snapshot["hostname"] == "web" and snapshot["paths"] == [str(source)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", snapshot["time"])
    first, *entries = _together(program.run("ls", "--json", snapshot["id"], str(source)).expect(0)).splitlines()
    assert json.loads(first)["id"] == snapshot["id"]
    members = {"name", "type", "path", "uid", "gid", "mode", "mtime", "atime", "ctime"}
    assert entries and all(members <= json.loads(entry).keys() for entry in entries)
    raw = json.loads(_together(program.run("stats", "--json", "--mode", "raw-data").expect(0)))
    assert {"total_size", "total_uncompressed_size", "compression_ratio", "total_blob_count"} <= raw.keys()
    assert raw["snapshots_count"] == 1
    whole = json.loads(program.run("stats", "latest", "--json", "--mode=restore-size").expect(0).out)
    assert whole["total_file_count"] > 0 and whole["total_size"] > 0


def test_forgetting_and_pruning(program: Program, source: Path) -> None:
    """forget gives one group with what is kept and removed; forget by ID, prune and check end with 0, with -v, too."""
    program.init(program.env["RESTIC_REPOSITORY"])
    for day in ("2020-01-01", "2020-01-02", "2020-01-03"):
        program.run("backup", "--tag", "plan", "--time", f"{day} 01:00:00", str(source)).expect(0)
    words = ("forget", "--json", "--tag", "plan", "--group-by", "tag", "--keep-last", "2", "--keep-within", "1d")
    (group,) = json.loads(_together(program.run(*words).expect(0)))
    assert len(group["keep"]) == 2 and len(group["remove"]) == 1
    assert all(ID.fullmatch(one["id"]) for one in group["keep"] + group["remove"])
    assert {"tags", "host", "paths", "reasons"} <= group.keys()
    program.run("forget", group["keep"][0]["id"]).expect(0)
    program.run("forget", "--keep-last=1", "--prune", "--verbose").expect(0)
    program.run("prune", "--max-unused", "5%").expect(0)
    for line in ("check", "check -v", "--verbose=2 check", "check --read-data-subset=50%", "unlock"):
        program.run(*line.split()).expect(0)
    checked = _lines(program.run("check", "--json").expect(0).out)[-1]
    assert checked["message_type"] == "summary" and checked["num_errors"] == 0
    assert len(json.loads(program.run("snapshots", "--json").expect(0).out)) == 1


def test_forgetting_with_both_streams_in_one(program: Program, source: Path) -> None:
    """Backrest parses standard output and error of forget as one document, whatever the snapshots' dates are."""
    program.init(program.env["RESTIC_REPOSITORY"])
    program.run("backup", "--time", "2045-01-01 01:00:00", str(source)).expect(0)
    words = [str(program.executable), "forget", "--json", "--keep-last", "1", "--dry-run"]
    both = subprocess.run(words, env=program.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
    (group,) = json.loads(both)
    assert len(group["keep"]) == 1 and not group["remove"]
    assert ("times in the future" in group.get("warning", "")) == (program.name == "link")


def test_restoring(program: Program, source: Path, tmp_path: Path) -> None:
    """restore tells how far it is and ends with a summary, as Backrest shows it; dump gives a file's bytes."""
    program.init(program.env["RESTIC_REPOSITORY"])
    program.run("backup", str(source)).expect(0)
    lines = _lines(program.run("restore", "latest", "--json", "--target", str(tmp_path / "out")).expect(0).out)
    assert {line["message_type"] for line in lines} <= {"status", "summary"}
    last = lines[-1]
    assert last["message_type"] == "summary" and last["files_restored"] == last["total_files"] > 0
    assert last["bytes_restored"] == last["total_bytes"]
    file = next(path for path in sorted(source.rglob("*")) if path.is_file())
    assert program.run("dump", "latest", str(file)).expect(0).stdout == file.read_bytes()


def test_a_lock_is_told_as_resticprofile_reads_it(program: Program) -> None:
    """Who holds it, for how long, and that it may be stale, in the words that it waits by; the code is 11."""
    program.init(program.env["RESTIC_REPOSITORY"])
    holder = program.start("backup", "--stdin", "--host", "x", stdin=subprocess.PIPE)
    locks = Path(program.env["RESTIC_REPOSITORY"]) / "locks"
    try:
        # What lies there before may be a lock's temporary file, which keeps nobody out.
        waiting.until(lambda: any(len(name) == 64 for name in os.listdir(locks)))
        ended = program.run("prune")
        assert ended.code == 11
        told = _together(ended)
        who = re.search(r"unable to create lock.+already locked.+?by (.+)$", told, re.MULTILINE)
        age = re.search(r"lock was created at.+\(([^()]+)\s+ago\)", told)
        assert who and age and re.fullmatch(r"(\d+h)?(\d+m)?[\d.]+(s|ms|µs)", age[1])
        assert re.search(r"the\W+unlock\W+command can be used to remove stale locks", told)
    finally:
        holder.kill()
        holder.wait()
