"""Giving back what the store lost: from versions of the bucket, and by the host out of its local twin."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.support import compare
from tests.support.custody.custodian import Custodian
from tests.support.programs import Restic, Strongroom

FROM = ("--from-repo",)


@pytest.fixture
def twins(strongroom: Strongroom, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A source, and two repositories that one pass wrote, of several packs each."""
    source, offsite, local = tmp_path / "src", tmp_path / "offsite", tmp_path / "local"
    source.mkdir()
    dice = random.Random(3)
    for number in range(30):
        (source / f"{number}").write_bytes(dice.randbytes(200_000))
    strongroom.init_all(offsite, local)
    strongroom.run("-r", offsite, "-r", local, "--pack-size", "4", "backup", source).expect(0)
    return source, offsite, local


def packs(place: Path) -> list[Path]:
    """The packs of a repository in a folder."""
    return sorted(path for path in (place / "data").rglob("*") if path.is_file())


def test_the_twin_gives_back_what_the_store_lost(
    strongroom: Strongroom, restic: Restic, twins: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    """A pack that is gone and one that decayed are found by rounds; heal adds what they held, and nothing else is
    touched; stock restic restores all, and the next round is content."""
    source, offsite, local = twins
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", offsite)
    custodian.round().expect(0)
    gone, decayed = packs(offsite)[:2]
    gone.unlink()
    decayed.chmod(0o600)
    with open(decayed, "r+b") as file:
        file.seek(1000)
        file.write(b"decay")
    assert custodian.round().code == 75
    assert {code for code, _ in custodian.incidents("web01")} == {"missing", "damaged", "altered", "lost"}
    wanted = tmp_path / "wanted"
    wanted.write_text(custodian.run("wanted", "web01").expect(0).out)
    before = {path: path.read_bytes() for path in offsite.rglob("*") if path.is_file()}
    dry = strongroom.on(offsite, "heal", *FROM, local, "--wanted", wanted, "--dry-run").expect(0)
    assert "would look for" in dry.out and packs(offsite) == [path for path in sorted(before) if "/data/" in str(path)]
    strongroom.on(offsite, "heal", *FROM, local, "--wanted", wanted).expect(0)
    assert {path: path.read_bytes() for path in before} == before
    restic.run("-r", offsite, "--no-cache", "restore", "latest", "--target", tmp_path / "out").expect(0)
    compare.assert_same(source, tmp_path / "out" / str(source)[1:])
    assert custodian.round().code == 0
    assert custodian.run("wanted", "web01").expect(0).out == ""
    again = strongroom.on(offsite, "heal", *FROM, local, "--wanted", wanted).expect(0)
    assert "were given back" in again.out


def test_what_the_twin_has_not_either_is_named(strongroom: Strongroom, twins: tuple[Path, Path, Path]) -> None:
    """A blob that neither repository has is named, with the command that says which files it costs; exit code 1."""
    _, offsite, local = twins
    packs(offsite)[0].unlink()
    shutil.rmtree(local / "data")
    (local / "data").mkdir()
    for path in (local / "index").iterdir():
        path.unlink()
    done = strongroom.on(offsite, "heal", *FROM, local).expect(1)
    assert "is in neither" in done.err and "0 of" in done.out


def test_heal_says_what_it_needs(strongroom: Strongroom, twins: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Without a source, with itself as the source, or with a list that is none, heal says so and does nothing."""
    _, offsite, local = twins
    assert "--from-repo" in strongroom.on(offsite, "heal").expect(1).err
    assert "cannot heal itself" in strongroom.on(offsite, "heal", *FROM, offsite).expect(1).err
    (tmp_path / "list").write_bytes(os.urandom(20))
    assert "list" in strongroom.on(offsite, "heal", *FROM, local, "--wanted", tmp_path / "list").expect(1).err
