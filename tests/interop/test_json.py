"""With --json our events and values have every key that restic's have, so that scripts carry over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import trees
from tests.support.programs import Program, Restic, Strongroom

VERBS: dict[str, tuple[str, ...]] = {
    "snapshots": ("snapshots",),
    "ls": ("ls", "latest"),
    "stats": ("stats", "latest"),
    "stats raw": ("stats", "latest", "--mode", "raw-data"),
    "find": ("find", "file1*"),
    "key list": ("key", "list"),
}


def _shape(value: Any) -> Any:
    """The keys of a value, deep down; of a list, all that any element has."""
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        merged: dict[str, Any] = {}
        for inner in value:
            shape = _shape(inner)
            if isinstance(shape, dict):
                merged |= shape
        return [merged]
    return type(value).__name__.replace("int", "number").replace("float", "number")


def _missing(theirs: Any, ours: Any, path: str = "") -> list[str]:
    """Keys, or kinds of value, that ours lacks."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found = [f"{path}/{key}" for key in theirs.keys() - ours.keys()]
        for key in theirs.keys() & ours.keys():
            found += _missing(theirs[key], ours[key], f"{path}/{key}")
        return found
    if isinstance(theirs, list) and isinstance(ours, list):
        return _missing(theirs[0], ours[0], f"{path}[]")
    return [] if theirs == ours else [f"{path}: {theirs}, {ours}"]


def _values(ended_lines: list[Any]) -> Any:
    """One value, or the list of values by line."""
    return ended_lines[0] if len(ended_lines) == 1 else ended_lines


@pytest.mark.parametrize("name", VERBS)
def test_values_of(name: str, restic: Restic, strongroom: Strongroom, repository: Path, source: Path) -> None:
    """A reading verb prints values with all of restic's keys and kinds."""
    restic.init(repository)
    restic.on(repository, "backup", "--tag", "some", source).expect(0)
    theirs, ours = (
        _shape(_values(program.on(repository, *VERBS[name], "--json").expect(0).lines()))
        for program in (restic, strongroom)
    )
    missing = _missing(theirs, ours)
    if restic.name == "restic-debian" and name == "stats raw":
        missing.remove("/total_file_count")  # the newest leaves out what it does not count in this mode
    assert not missing


def _events(program: Program, repository: Path, source: Path) -> dict[str, Any]:
    """The keys of each type of event of a backup with two levels of verbosity."""
    lines = (
        program.on(repository, "backup", "--json", "-vv", source, env={"RESTIC_PROGRESS_FPS": "60"}).expect(0).lines()
    )
    shapes: dict[str, Any] = {}
    for line in lines:
        shapes.setdefault(line["message_type"], {}).update(_shape(line))
    return shapes


def test_events_of_backup(restic: Restic, strongroom: Strongroom, tmp_path: Path) -> None:
    """The summary, and the verbose lines, of a backup have all of restic's keys."""
    source = trees.ordinary(trees.large(tmp_path / "source", megabytes=30))
    shapes = []
    for program in (restic, strongroom):
        repository = tmp_path / program.name
        program.init(repository)
        shapes.append(_events(program, repository, source))
    theirs, ours = shapes
    for kind in ("summary", "verbose_status"):
        assert not _missing(theirs[kind], ours[kind]), kind
    if "status" in theirs and "status" in ours:
        assert not _missing(
            {key: theirs["status"][key] for key in ("percent_done", "total_files", "total_bytes")}, ours["status"]
        )


def test_changes_of_diff(restic: Restic, strongroom: Strongroom, repository: Path, source: Path) -> None:
    """diff prints the same changes as restic, and statistics with its keys."""
    restic.init(repository)
    restic.backup(repository, source)
    (source / "added").write_bytes(b"new")
    (source / "folder1" / "sub1" / "file1").unlink()
    (source / "folder2" / "sub2" / "file2").write_bytes(b"other content")
    restic.backup(repository, source)
    first, second = (snapshot["id"] for snapshot in restic.snapshots(repository))
    theirs, ours = (
        program.on(repository, "diff", "--json", first, second).expect(0).lines() for program in (restic, strongroom)
    )

    def changes(lines: list[Any]) -> set[tuple[str, str]]:
        return {(line["path"], line["modifier"]) for line in lines if line["message_type"] == "change"}

    assert changes(theirs) == changes(ours)
    statistics = [next(line for line in lines if line["message_type"] == "statistics") for lines in (theirs, ours)]
    assert not _missing(_shape(statistics[0]), _shape(statistics[1]))
    assert statistics[0]["changed_files"] == statistics[1]["changed_files"]


def test_a_wrong_password_is_an_event_with_restics_code(strongroom: Strongroom, repository: Path) -> None:
    """A failure with --json is an exit_error event on standard error, with the exit code."""
    strongroom.init(repository)
    ended = strongroom.on(repository, "snapshots", "--json", env={"RESTIC_PASSWORD": "wrong"}).expect(12)
    assert '"exit_error"' in ended.err
    assert '"code":12' in ended.err.replace(" ", "")


@pytest.mark.parametrize("script", ["exit 1", "echo some; exit 70", "echo some; kill -9 $$", "kill -15 $$"])
def test_the_event_of_a_command_that_failed(
    restic: Restic, strongroom: Strongroom, repository: Path, script: str
) -> None:
    """`--stdin-from-command` with one that fails: restic's `error` to the letter, then `exit_error` with its code."""
    restic.init(repository)
    words = ("backup", "--json", "--stdin-filename", "a/dump.sql", "--stdin-from-command", "--", "sh", "-c", script)
    theirs = restic.on(repository, *words).expect(1, 3, 130).err.splitlines()  # it cancels itself, sooner or later
    ours = strongroom.on(repository, *words).expect(1).err.splitlines()
    if not restic.old:
        assert ours[0] == theirs[0] and len(ours) == 2
    end = json.loads(ours[1])
    assert (end["message_type"], end["code"]) == ("exit_error", 1)
