"""What we write, restic and rustic read, check and restore."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import compare, trees
from tests.support.programs import Program, Restic, Rustic, Strongroom


@pytest.fixture(params=["1", "2"], ids=["version 1", "version 2"])
def written(request: pytest.FixtureRequest, strongroom: Strongroom, repository: Path, hostile_source: Path) -> Path:
    """A repository of each format version with a snapshot of the hostile tree."""
    strongroom.init(repository, "--repository-version", request.param)
    strongroom.backup(repository, hostile_source)
    return repository


def test_restic_checks_and_restores(written: Path, restic: Restic, hostile_source: Path, tmp_path: Path) -> None:
    """restic finds no fault in all the data, and restores the hostile tree identically."""
    restic.check(written)
    restic.restore(written, tmp_path / "out")
    compare.assert_same(hostile_source, compare.restored(tmp_path / "out", hostile_source))


def test_rustic_checks_and_restores(written: Path, rustic: Rustic, hostile_source: Path, tmp_path: Path) -> None:
    """rustic finds no fault in all the data, and restores contents, names, links, modes and times."""
    rustic.check(written)
    rustic.restore(written, tmp_path / "out")
    found = compare.differences(hostile_source, compare.restored(tmp_path / "out", hostile_source))
    # rustic takes a mode of 0, which restic's format leaves out, for one that it was not told.
    assert not [line for line in found if not line.startswith("mode of b'times/mode 0'")]


def test_the_snapshot_says_the_same_to_all(
    strongroom: Strongroom, peer: Program, repository: Path, source: Path
) -> None:
    """Time, paths, host, user and tags of our snapshot are read alike by every program."""
    strongroom.init(repository)
    strongroom.on(repository, "backup", "--tag", "one,two", "--host", "some-host", source).expect(0)
    (ours,) = strongroom.snapshots(repository)
    (theirs,) = peer.snapshots(repository)
    for key in ("id", "tree", "paths", "hostname", "username", "uid", "gid", "tags"):
        assert (ours.get(key) or None) == (theirs.get(key) or None), key
    assert ours["time"][:26] == theirs["time"][:26]


def test_restic_goes_on_from_our_snapshot(
    strongroom: Strongroom, restic: Restic, repository: Path, source: Path
) -> None:
    """restic takes our snapshot as its parent, finds every file unmodified, and sees no difference between the two."""
    strongroom.init(repository)
    strongroom.backup(repository, source)
    summary = restic.on(repository, "backup", "--json", source).expect(0).lines()[-1]
    assert (summary["files_new"], summary["files_changed"]) == (0, 0)
    assert summary["files_unmodified"] > 0
    first, second = (snapshot["id"] for snapshot in restic.snapshots(repository))
    difference = restic.on(repository, "diff", "--json", first, second).expect(0).lines()
    assert [
        line for line in difference if line["message_type"] == "change" and line["path"].startswith(str(source))
    ] == []


def test_restic_prunes_beside_us(
    strongroom: Strongroom, restic: Restic, repository: Path, source: Path, tmp_path: Path
) -> None:
    """After restic has forgotten and pruned, our next backup completes what is missing and everything restores."""
    strongroom.init(repository)
    strongroom.backup(repository, source)
    (source / "large").write_bytes(os.urandom(3_000_000))
    strongroom.backup(repository, source)
    restic.on(repository, "forget", "--keep-last", "1", "--prune").expect(0)
    (source / "another").write_bytes(b"later")
    strongroom.backup(repository, source)
    restic.check(repository)
    strongroom.restore(repository, tmp_path / "out")
    compare.assert_same(source, compare.restored(tmp_path / "out", source))


def test_restic_opens_with_a_key_that_we_added(
    strongroom: Strongroom, restic: Restic, repository: Path, tmp_path: Path
) -> None:
    """A key that we add opens the repository for restic, and one that restic adds opens it for us."""
    strongroom.init(repository)
    for number, (adds, opens) in enumerate(((strongroom, restic), (restic, strongroom))):
        secret = tmp_path / f"secret{number}"
        secret.write_text(f"another secret {number}\n")
        adds.on(repository, "key", "add", "--new-password-file", secret).expect(0)
        opens.on(repository, "snapshots", env={"RESTIC_PASSWORD": f"another secret {number}"}).expect(0)


def test_a_large_file_and_many_small_ones(
    strongroom: Strongroom, peer: Program, repository: Path, tmp_path: Path
) -> None:
    """Files of many chunks and folders of many files come back from our packs through every program."""
    source = trees.ordinary(trees.large(tmp_path / "source", megabytes=40), files=1500, largest=4000)
    strongroom.init(repository)
    strongroom.backup(repository, source)
    peer.check(repository)
    peer.restore(repository, tmp_path / "out")
    compare.assert_same(source, compare.restored(tmp_path / "out", source))
