"""Readers of a repository from which something is missing: each names it and ends with 1; none counts or shows less."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.support.forge import Forge, dumps, node, sha
from tests.support.programs import Restic, Strongroom

MODES = ("restore-size", "files-by-contents", "blobs-per-file", "raw-data")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a snapshot, its source beside it. Packs of data are above 20,000 bytes, others below."""
    place = tmp_path_factory.mktemp("whole")
    program = Strongroom(place / "home")
    program.init(place / "r")
    (place / "source" / "in").mkdir(parents=True)
    (place / "source" / "in" / "file").write_bytes(os.urandom(20_000))
    (place / "source" / "in" / "twin").hardlink_to(place / "source" / "in" / "file")
    program.backup(place / "r", place / "source")
    return place


def _copy(whole: Path, to: Path) -> Path:
    shutil.copytree(whole / "r", to)
    return to


def _lose(repository: Path, *, data: bool) -> None:
    packs = [pack for pack in (repository / "data").glob("*/*") if (pack.stat().st_size > 20_000) == data]
    assert packs
    for pack in packs:
        pack.unlink()


def test_stats_of_a_lost_pack_of_data(strongroom: Strongroom, whole: Path, tmp_path: Path) -> None:
    """Each way to count names the entries whose blobs are gone, those that are hard links, too."""
    repository = _copy(whole, tmp_path / "r")
    _lose(repository, data=True)
    for mode in MODES:
        failed = strongroom.on(repository, "stats", "--mode", mode).expect(1)
        assert "/in/file: data blob " in failed.err
        assert "is lost with its pack data/" in failed.err


def test_blobs_that_no_index_names(strongroom: Strongroom, tmp_path: Path) -> None:
    """Each way to count, and the sums of a comparison, name them."""
    forge = Forge(tmp_path / "r")
    empty = dumps({"nodes": []}) + b"\n"
    tree = dumps({"nodes": [node("file", "file", content=[sha(b"lost")], size=4)]}) + b"\n"
    for root in forge.pack(("tree", empty), ("tree", tree)):
        forge.snapshot(root)
    forge.index()
    for mode in MODES:
        failed = strongroom.on(forge.place, "stats", "--mode", mode).expect(1)
        assert f"/file: data blob {sha(b'lost')} is in no index" in failed.err
    ids = [path.name for path in (forge.place / "snapshots").iterdir()]
    assert "1 blobs are in no index" in strongroom.on(forge.place, "diff", *ids).expect(1).err


def test_lost_trees(strongroom: Strongroom, whole: Path, tmp_path: Path) -> None:
    """A tree whose pack is gone is named by every verb that would have read it."""
    repository = _copy(whole, tmp_path / "r")
    (snapshot,) = (path.name for path in (repository / "snapshots").iterdir())
    _lose(repository, data=False)
    for words in (["ls", snapshot], ["find", "file"], ["dump", snapshot, "/"], ["cat", "tree", snapshot], ["stats"]):
        failed = strongroom.on(repository, *words).expect(1)
        assert "data/" in failed.err, words


def test_a_damaged_snapshot(strongroom: Strongroom, whole: Path, tmp_path: Path) -> None:
    """Whoever looks at all snapshots, for `latest` too, goes on without it, names it, and ends with 1."""
    repository = _copy(whole, tmp_path / "r")
    (hurt,) = (repository / "snapshots").iterdir()
    whole_bytes = hurt.read_bytes()
    damaged = hurt.with_name("0" * 64)
    damaged.write_bytes(whole_bytes[:-1])
    for words in (["snapshots"], ["ls", "latest"], ["find", "file"], ["stats"], ["dump", "latest", "/"]):
        failed = strongroom.on(repository, *words).expect(1)
        assert damaged.name in failed.err, words
        assert failed.out, words


def test_the_last_word_of_a_failed_check_is_restics(
    strongroom: Strongroom, restic: Restic, whole: Path, tmp_path: Path
) -> None:
    """With --json it is the same `exit_error`; a check that finds nothing says none."""
    repository = _copy(whole, tmp_path / "r")
    assert "exit_error" not in strongroom.on(repository, "check", "--json").expect(0).err
    _lose(repository, data=True)
    said = {}
    for program in (strongroom, restic):
        failed = program.on(repository, "check", "--json", "--no-lock").expect(1)
        said[program.name] = json.loads(failed.err.splitlines()[-1])
    expected = {"message_type": "exit_error", "code": 1, "message": "Fatal: repository contains errors"}
    assert said["strongroom"] == expected
    assert said["restic"] == expected or restic.old


def test_a_failed_restore_ends_with_an_exit_error(strongroom: Strongroom, whole: Path, tmp_path: Path) -> None:
    """With --json, too: who reads JSON learns that it is over, and how; no status counts what failed as restored."""
    repository = _copy(whole, tmp_path / "r")
    words = ("restore", "latest", "--json", "--target")
    assert "exit_error" not in strongroom.on(repository, *words, tmp_path / "good").expect(0).err
    _lose(repository, data=True)
    ended = strongroom.on(repository, *words, tmp_path / "bad").expect(1)
    last = json.loads(ended.err.splitlines()[-1])
    assert (last["message_type"], last["code"]) == ("exit_error", 1)
    assert last["message"].endswith("items could not be restored; they are named above")
    *_, status, summary = map(json.loads, ended.out.splitlines())
    names = ("files_restored", "bytes_restored", "total_files", "total_bytes")
    assert [status.get(name, 0) for name in names] == [summary[name] for name in names]
    assert summary["files_restored"] < summary["total_files"] and status["percent_done"] < 1


@pytest.mark.parametrize("version", ["1", "2"])
def test_raw_data_is_counted_as_restic_does(
    strongroom: Strongroom, restic: Restic, whole: Path, tmp_path: Path, version: str
) -> None:
    """All figures are those of restic, sizes before compression with their envelopes; what is 0 is left out."""
    restic.init(tmp_path / "r", "--repository-version", version)
    restic.backup(tmp_path / "r", whole / "source")
    words = ("stats", "--mode", "raw-data", "--json")
    ours, theirs = (program.on(tmp_path / "r", *words).expect(0).json() for program in (strongroom, restic))
    assert ours == theirs


def test_key_files_that_open_nothing_are_named(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """`check` warns of a cut key file and of what is none; a second key that is whole is no warning."""
    repository = tmp_path / "r"
    strongroom.init(repository)
    (tmp_path / "new").write_text("another password")
    restic.on(repository, "key", "add", "--new-password-file", tmp_path / "new").expect(0)
    assert strongroom.on(repository, "check").expect(0).err == ""
    keys = strongroom.on(repository, "key", "list", "--json").expect(0).json()
    ours = next(key["id"] for key in keys if key["current"])
    other = next(key for key in (repository / "keys").iterdir() if not key.name.startswith(ours[:8]))
    os.chmod(other, 0o600)
    os.truncate(other, other.stat().st_size // 2)
    (repository / "keys" / sha(b"none")).write_bytes(b"none")
    said = strongroom.on(repository, "check").expect(0).err
    assert f"keys/{other.name}" in said and f"keys/{sha(b'none')}" in said and ours not in said


def test_check_names_a_key_of_another_repository(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """The same password opens it, and restic ends at it where it comes first; a key of another password is no news."""
    repository, other = tmp_path / "r", tmp_path / "other"
    strongroom.init(repository)
    strongroom.init(other)
    (tmp_path / "new").write_text("another password")
    strongroom.on(other, "key", "add", "--new-password-file", tmp_path / "new").expect(0)
    keys = strongroom.on(other, "key", "list", "--json").expect(0).json()
    foreign = next(p for p in (other / "keys").iterdir() for k in keys if k["current"] and p.name.startswith(k["id"]))
    for path in (other / "keys").iterdir():
        shutil.copy(path, repository / "keys")
    said = strongroom.on(repository, "check").expect(0).err
    assert f"keys/{foreign.name}: the password opens it, and it is another repository's" in said
    assert said.count("keys/") == 1
    strongroom.on(repository, "key", "remove", foreign.name).expect(0)
    assert strongroom.on(repository, "check").expect(0).err == ""
    restic.on(repository, "check").expect(0)
