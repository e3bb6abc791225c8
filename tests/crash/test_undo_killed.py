"""kill -9 at each change of a `forget --prune --keep-removed`, and twice at each of `undo`: all comes back whole."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

from tests.crash.test_repair_killed import dying
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import make

FORGET = ("forget", "--keep-last", "1", "--prune", "--max-unused", "0", "--keep-removed", "7d")
Names = set[tuple[str, str]]


def names(place: Path) -> Names:
    """Kind and name of each pack, index file and snapshot that a program sees."""
    kinds = ("data", "index", "snapshots")
    return {(kind, path.name) for kind in kinds for path in (place / kind).rglob("*") if path.is_file()}


def copied(made: Path, place: Path) -> Path:
    """Another copy of a repository, with the times of its files."""
    return Path(shutil.copytree(made, place))


def end(strongroom: Strongroom, place: Path, change: int, *words: str, cwd: Path) -> int:
    """Run until that change, which is made where its number is even; the lock of the dead goes. The exit code."""
    ended = dying(strongroom, change, "-r", place, *words, "--accept-repository", made=change % 2 == 0, cwd=cwd)
    for lock in (place / "locks").iterdir():
        lock.unlink()
    return ended.code


def changes(strongroom: Strongroom, place: Path, *words: str, cwd: Path) -> int:
    """How many changes a command makes that nobody ends."""
    said = dying(strongroom, 0, "-r", place, *words, "--accept-repository", cwd=cwd).expect(0).err
    return int(re.search(r"changes: (\d+)", said)[1])  # type: ignore[index]


@pytest.fixture
def made(strongroom: Strongroom, tmp_path: Path) -> Path:
    """Two snapshots that share nothing, each with a pack of data."""
    chance, source = random.Random(7), tmp_path / "source"
    source.mkdir()
    make(tmp_path / "made")
    for _ in range(2):
        (source / "file").write_bytes(chance.randbytes(50_000))
        strongroom.backup(tmp_path / "made", source)
    return tmp_path / "made"


@pytest.mark.slow
def test_what_a_killed_run_removed_comes_back(
    strongroom: Strongroom, restic: Restic, made: Path, tmp_path: Path
) -> None:
    """Whatever change was the last, one `undo` has every object in its place, and restic finds no fault."""
    before = names(made)
    whole = copied(made, tmp_path / "whole")
    count = changes(strongroom, whole, *FORGET, cwd=tmp_path)
    assert count >= 6
    for change in range(2, count + 1):
        place = copied(made, tmp_path / f"forget{change}")
        assert end(strongroom, place, change, *FORGET, cwd=tmp_path) == 9
        if before - names(place):
            strongroom.on(place, "undo", "--accept-repository").expect(0)
        assert names(place) >= before, change
        shutil.rmtree(place) if change < count else restic.check(place)


@pytest.mark.slow
def test_an_undo_may_be_killed_twice(strongroom: Strongroom, restic: Restic, made: Path, tmp_path: Path) -> None:
    """No snapshot is there before all that it needs is; the next one brings back the rest."""
    before = names(made)
    removed = copied(made, tmp_path / "removed")
    strongroom.on(removed, *FORGET, "--accept-repository").expect(0)
    needed = {name for name in before if name[0] != "snapshots"}
    count = changes(strongroom, copied(removed, tmp_path / "whole"), "undo", cwd=tmp_path)
    assert count >= 4
    for change in range(1, count + 1):
        place = copied(removed, tmp_path / f"undo{change}")
        for number in (change, 2):
            code = end(strongroom, place, number, "undo", cwd=tmp_path)
            assert code == 9 or number == 2, code
            now = names(place)
            assert needed <= now or not {name for name in now - names(removed) if name[0] == "snapshots"}, change
        if before - names(place):
            strongroom.on(place, "undo", "--accept-repository").expect(0)
        assert names(place) >= before, change
    restic.check(place)
