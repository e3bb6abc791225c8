"""`restore --delete` keeps to what was saved: what lies beside a source is none of the snapshot's business."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.programs import Strongroom


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder with a source in it, and with what was never saved beside it."""
    folder = tmp_path / "top"
    for name in ("data/in", "neighbour"):
        (folder / name).mkdir(parents=True)
    (folder / "data" / "in" / "kept").write_text("saved")
    (folder / "neighbour" / "precious").write_text("never saved")
    return folder


def _grown(place: Path) -> None:
    """Add what the snapshot does not have to the source and beside it."""
    (place / "data" / "later").mkdir()
    (place / "data" / "in" / "newer").write_text("made after the backup")
    (place / "beside").write_text("never saved")


def _holds(place: Path) -> None:
    found = {str(path.relative_to(place)) for path in place.rglob("*")}
    assert found == {"data", "data/in", "data/in/kept", "neighbour", "neighbour/precious", "beside"}


@pytest.mark.parametrize("way", ["relative", "whole", "parent of the source"])
def test_neighbours_of_a_source_stay(
    strongroom: Strongroom, repository: Path, tmp_path: Path, top: Path, way: str
) -> None:
    """What was added in the source goes, and what stands beside it stays, however the place is named."""
    strongroom.init(repository)
    if way == "relative":
        strongroom.backup(repository, "data", cwd=top)
        snapshot, target, place = "latest", top, top
    else:
        strongroom.backup(repository, top / "data")
        snapshot, target, place = f"latest:{top}", top, top
    if way == "whole":
        # As on `/`, below a root of our own.
        snapshot, target = "latest", tmp_path / "root"
        place = target / top.relative_to("/")
        shutil.copytree(top, place)
    _grown(place)
    strongroom.on(repository, "restore", snapshot, "--target", target, "--delete").expect(0)
    _holds(place)


def test_another_folder_takes_a_whole_snapshot(strongroom: Strongroom, repository: Path, top: Path) -> None:
    """A folder into which the wrong level is restored loses nothing, and a second restore mends the first."""
    strongroom.init(repository)
    strongroom.backup(repository, top / "data")
    strongroom.on(repository, "restore", "latest", "--target", top, "--delete").expect(0)
    nested = top / top.relative_to("/")
    assert (top / "data" / "in" / "kept").exists()
    assert (top / "neighbour" / "precious").exists()
    assert (nested / "data" / "in" / "kept").exists()
    (nested / "data" / "newer").write_text("made after the backup")
    (nested / "beside").write_text("never saved")
    strongroom.on(repository, "restore", "latest", "--target", top, "--delete").expect(0)
    assert not (nested / "data" / "newer").exists()
    assert (nested / "beside").exists()


def test_the_source_itself_is_brought_level(strongroom: Strongroom, repository: Path, top: Path) -> None:
    """Of `backup .` and of `snapshot:source` all that is not in the snapshot goes, at the top, too."""
    strongroom.init(repository)
    strongroom.backup(repository, ".", cwd=top)
    (top / "beside").write_text("made after the backup")
    strongroom.on(repository, "restore", "latest", "--target", top, "--delete").expect(0)
    assert sorted(path.name for path in top.iterdir()) == ["data", "neighbour"]
    strongroom.backup(repository, top)
    (top / "beside").write_text("made after the backup")
    strongroom.on(repository, "restore", f"latest:{top}", "--target", top, "--delete").expect(0)
    assert sorted(path.name for path in top.iterdir()) == ["data", "neighbour"]
