"""IDs that are unknown or ambiguous, and the phrases that wrappers of restic match."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from strongroom.format import rfc3339
from strongroom.repository.opening import open_repository
from tests.support.programs import Strongroom
from tests.support.repositories import PASSWORD, make

UNKNOWN = (
    "snapshots @",
    "snapshots --json @",
    "stats @",
    "stats --json @",
    "find -s @ name",
    "find --json -s @ name",
    "find --pack @",
    "ls @",
    "ls --json @",
    "dump @ /",
    "restore @ --target out",
    "restore --json @ --target out",
    "diff @ @",
    "check @",
    "check --json @",
    "cat snapshot @",
    "cat tree @",
    "cat index @",
    "cat key @",
    "cat lock @",
    "cat pack @",
    "key remove @",
    "backup --parent @ source",
)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Strongroom, Path]:
    """A repository that opens cheaply, with so many snapshots that two begin alike."""
    folder = tmp_path_factory.mktemp("several")
    strongroom = Strongroom(folder / "home")
    make(folder / "repository")
    (folder / "source").write_text("content")
    while len({name[0] for name in _ids(folder)}) == len(_ids(folder)):
        strongroom.backup(folder / "repository", folder / "source")
    return strongroom, folder


def _ids(folder: Path) -> list[str]:
    return os.listdir(folder / "repository" / "snapshots")


@pytest.mark.parametrize("line", UNKNOWN)
def test_an_unknown_id_is_an_error_that_names_it(several: tuple[Strongroom, Path], line: str) -> None:
    """Exit code 1, the ID in the message, and no result that could be taken for one."""
    strongroom, folder = several
    takes_latest = not line.startswith(("cat", "key")) or line.startswith(("cat snapshot", "cat tree"))
    for name in ("deadbeef", "0" * 64) if takes_latest else ("deadbeef", "0" * 64, "latest"):
        words = [name if word == "@" else word for word in line.split()]
        ended = strongroom.on(folder / "repository", *words, cwd=folder).expect(1)
        assert name in ended.err, ended.describe()
        assert "total_size" not in ended.out and "ID" not in ended.out


@pytest.mark.parametrize("line", [line for line in UNKNOWN if line.startswith(("snapshots", "stats", "check"))])
def test_one_unknown_id_among_known_ones(several: tuple[Strongroom, Path], line: str) -> None:
    """What is known is shown, what is not is named, and the exit code is 1."""
    strongroom, folder = several
    words = line.replace("@", f"{_ids(folder)[0]} deadbeef").split()
    ended = strongroom.on(folder / "repository", *words).expect(1)
    assert ended.out and "deadbeef" in ended.err


def test_latest_that_nothing_matches_is_an_error(several: tuple[Strongroom, Path]) -> None:
    """`latest` of a host that has no snapshot is no success of nothing."""
    strongroom, folder = several
    for line in ("snapshots latest", "stats latest", "ls latest", "find -s latest x", "dump latest /"):
        ended = strongroom.on(folder / "repository", *line.split(), "--host", "nowhere").expect(1)
        assert "no snapshot matched given filter (Paths:[] Tags:[] Hosts:[nowhere])" in ended.err


def test_a_beginning_of_several_ids_is_an_error(several: tuple[Strongroom, Path]) -> None:
    """It says how many there are, in restic's words."""
    strongroom, folder = several
    first = [name[0] for name in _ids(folder)]
    beginning = next(letter for letter in first if first.count(letter) > 1)
    for line in (f"ls {beginning}", f"snapshots {beginning}", f"restore {beginning} --target out"):
        ended = strongroom.on(folder / "repository", *line.split(), cwd=folder).expect(1)
        assert f'multiple IDs with prefix "{beginning}" found' in ended.err


def test_a_lock_in_the_words_that_wrappers_match(strongroom: Strongroom, tmp_path: Path) -> None:
    """resticprofile looks for who holds the lock, how old it is, and whether `unlock` can help."""
    repository = open_repository(make(tmp_path / "repository"), PASSWORD)
    with repository.lock():
        for options in ((), ("--json",)):
            ended = strongroom.on(tmp_path / "repository", "check", *options).expect(11)
            said = ended.err if not options else json.loads(ended.err)["message"]
            assert re.search(r"(?m)unable to create lock in backend.+already locked.+?by (.+)$", said)
            assert re.search(r"lock was created at.+\(([0-9a-zµ.]+)\s+ago\)", said)
            assert re.search(r"the\W+unlock\W+command can be used to remove stale locks", said)
        waiting = strongroom.on(tmp_path / "repository", "check", "--retry-lock", "1s").expect(11)
        assert "repo already locked, waiting up to 1s for the lock" in waiting.err


def test_other_phrases_that_wrappers_match(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """No repository, a repository already, a wrong password, and the version under restic's name."""
    missing = strongroom.on(repository, "snapshots").expect(10)
    assert f"Is there a repository at the following location?\n{repository}\n" in missing.err
    strongroom.init(repository)
    assert "already initialized" in strongroom.on(repository, "init").expect(1).err
    wrong = strongroom.on(repository, "snapshots", env={"RESTIC_PASSWORD": "wrong"}).expect(12)
    assert "wrong password or no key found" in wrong.err
    assert "The password came from $RESTIC_PASSWORD." in wrong.err
    (tmp_path / "restic").symlink_to(strongroom.executable)
    strongroom.executable = tmp_path / "restic"
    for words in (("version",), ("--version",)):
        said = strongroom.run(*words).expect(0).out
        assert re.match(r"restic (\d+\.\d+\.\d+) compiled with .* on linux/", said), said
    assert strongroom.run("version", "--json").expect(0).json()["version"].startswith("0.19.")


def test_a_repositorys_own_password_beside_an_exported_one(strongroom: Strongroom, tmp_path: Path) -> None:
    """With the variable that the README exports, each repository of the file still gets its own password."""
    for name in ("general", "near", "far"):
        (tmp_path / name).write_text(f"password of {name}\n")
    (tmp_path / "source").write_text("content")
    (tmp_path / "config.toml").write_text(f"""
version = 1
[repository.near]
url = "{tmp_path}/r-near"
[repository.far]
url = "{tmp_path}/r-far"
password = {{ command = ["cat", "{tmp_path}/far"] }}
""")
    strongroom.env.pop("RESTIC_PASSWORD")
    strongroom.env["STRONGROOM_PASSWORD_FILE"] = str(tmp_path / "general")
    options = ("--config", tmp_path / "config.toml")
    strongroom.run(*options, "init").expect(0)
    strongroom.run(*options, "backup", tmp_path / "source").expect(0)
    strongroom.env.pop("STRONGROOM_PASSWORD_FILE")
    for name, file in (("near", "general"), ("far", "far")):
        assert strongroom.on(tmp_path / f"r-{name}", "-p", tmp_path / file, "snapshots", "--json").expect(0).json()


def test_events_of_several_repositories_name_theirs(strongroom: Strongroom, tmp_path: Path) -> None:
    """Each error, each summary of a check says which repository it is of."""
    places = [tmp_path / name for name in ("whole", "damaged", "missing")]
    (tmp_path / "source").write_text("content")
    for place in places[:2]:
        make(place)
        strongroom.backup(place, tmp_path / "source")
    for pack in (places[1] / "data").glob("*/*"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:-1] + b"x")
    words = [word for place in places for word in ("-r", str(place))]
    ended = strongroom.run(*words, "check", "--json", "--read-data").expect(1)
    errors = [json.loads(line) for line in ended.err.splitlines()]
    errors = [event for event in errors if event["message_type"] == "error"]
    assert {event["repository"] for event in errors} == {str(places[1]), str(places[2])}
    summaries = {event["repository"]: event["num_errors"] for event in ended.lines()}
    assert summaries.keys() == set(map(str, places))
    assert summaries[str(places[0])] == 0 and summaries[str(places[1])] > 0 and summaries[str(places[2])] == 1


def test_a_backup_lasts_from_its_start_to_its_end(strongroom: Strongroom, tmp_path: Path) -> None:
    """``total_duration`` is ``backup_end`` minus ``backup_start``, as in restic's summary."""
    make(tmp_path / "repository")
    (tmp_path / "source").write_text("content")
    ended = strongroom.on(tmp_path / "repository", "backup", "--json", tmp_path / "source").expect(0)
    summary = next(event for event in ended.lines() if event["message_type"] == "summary")
    start, end = (_nanoseconds(summary[name]) for name in ("backup_start", "backup_end"))
    assert abs(end - start - summary["total_duration"] * 1e9) < 2


def _nanoseconds(text: str) -> int:
    return rfc3339.parse(text)


def test_a_folder_that_the_snapshot_has_elsewhere(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """`diff` finds a folder that was backed up by a relative path, and says where the slash of one is missing."""
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "file").write_text("x")
    (tmp_path / "docs" / "deep" / "other").write_text("y")
    (tmp_path / "docs" / "left").write_text("z")
    strongroom.init(repository)
    strongroom.on(repository, "backup", "docs", "--exclude", "left", cwd=tmp_path).expect(0)
    short = strongroom.snapshots(repository)[0]["short_id"]
    failed = strongroom.on(repository, "diff", short, "docs", cwd=tmp_path).expect(1)
    assert "write it with a slash: ./docs" in failed.err
    failed = strongroom.on(repository, "diff", short, "./else", cwd=tmp_path).expect(1)
    assert f"strongroom diff {short}:/FOLDER ./else" in failed.err
    (tmp_path / "docs" / "deep" / "other").write_text("longer")
    for folder in (tmp_path / "docs", "./docs", tmp_path / "docs" / "deep"):
        found = strongroom.on(repository, "diff", short, folder, cwd=tmp_path).expect(0)
        changes = [line.split()[1] for line in found.out.splitlines() if line[:5] in ("+    ", "-    ", "M    ")]
        assert changes == [str(tmp_path / "docs" / "deep" / "other")]
    (tmp_path / "docs" / "deep" / "other").write_text("y")
    (tmp_path / "docs" / "left").unlink()
    same = strongroom.on(repository, "diff", f"{short}:/docs", "./docs", cwd=tmp_path).expect(0)
    assert "0 new, " in same.out and "/file" not in same.out


def test_an_id_of_the_other_kind_of_blob_is_said_so(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """`find --blob` of a tree finds nothing, as in restic; a warning names the option that finds it."""
    (tmp_path / "file").write_text("x")
    strongroom.init(repository)
    strongroom.backup(repository, tmp_path / "file")
    tree = strongroom.snapshots(repository)[0]["tree"]
    blob = strongroom.on(repository, "list", "blobs").expect(0)
    data = next(line.split()[1] for line in blob.out.splitlines() if line.startswith("data "))
    for option, name, right in (("--blob", tree, "--tree"), ("--tree", data, "--blob")):
        ended = strongroom.on(repository, "find", option, name[:10]).expect(0)
        assert ended.out == "" and f"{right} finds it" in ended.err
        assert name[:8] in strongroom.on(repository, "find", right, name[:10]).expect(0).out
    ended = strongroom.on(repository, "find", "--show-pack-id", "--blob", tree).expect(0)
    assert ended.out == f"Object data with type {tree[:8]} not found in the index\n"  # restic's words
