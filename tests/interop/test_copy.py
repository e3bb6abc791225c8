"""Copies are what restic's copies are: the same snapshots over the same trees, and nobody copies anything twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support import compare
from tests.support.command import PASSWORD
from tests.support.programs import Program, Restic, Rustic, Strongroom
from tests.support.repositories import make

FROM = {"RESTIC_FROM_PASSWORD": PASSWORD}


def _copy(program: Program, source: Path, targets: list[Path], *options: str) -> str:
    repositories = [word for target in targets for word in ("-r", str(target))]
    return program.run(*repositories, "copy", "--from-repo", str(source), *options, env=FROM).expect(0).out


def _fields(program: Program, repository: Path) -> list[dict[str, Any]]:
    """The snapshots by time, without the IDs, which hang on the key."""
    own = ("id", "short_id")
    snapshots = sorted(program.snapshots(repository), key=lambda snapshot: str(snapshot["time"]))
    return [{key: value for key, value in snapshot.items() if key not in own} for snapshot in snapshots]


def _packs(repository: Path) -> set[str]:
    return {path.name for path in (repository / "data").glob("*/*")}


@pytest.mark.parametrize("version", ["1", "2"])
def test_copies_are_those_of_restic(
    version: str, restic: Restic, strongroom: Strongroom, tmp_path: Path, source: Path, hostile_source: Path
) -> None:
    """Into repositories of both versions in one pass: fields and trees as restic's copy has them, and all data good."""
    origin, theirs, ours, other = (tmp_path / name for name in ("origin", "theirs", "ours", "other"))
    make(origin, version=int(version))
    restic.backup(origin, source, hostile_source)
    (source / "new").write_bytes(b"more" * 5000)
    restic.backup(origin, source, "--tag", "a,b", "--host", "beta")
    for place, kind in ((theirs, 2), (ours, 1), (other, 2)):
        make(place, version=kind)
    _copy(restic, origin, [theirs])
    _copy(strongroom, origin, [ours, other])
    for target in (ours, other):
        assert _fields(restic, target) == _fields(restic, theirs)
        restic.check(target)
        packs = _packs(target)
        assert " saved" not in _copy(strongroom, origin, [target]) + _copy(restic, origin, [target])
        assert _packs(target) == packs and len(restic.snapshots(target)) == 2
    assert " saved" not in _copy(strongroom, origin, [theirs])
    compare.assert_same(source, _restored(restic, other, tmp_path / "back", source))


def _restored(program: Program, repository: Path, place: Path, source: Path) -> Path:
    program.restore(repository, place)
    return place / source.relative_to("/")


def test_copies_of_copies_are_known(restic: Restic, strongroom: Strongroom, tmp_path: Path, source: Path) -> None:
    """A snapshot keeps its first ID over any number of copies, by whom they may be, and is not copied back."""
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for repository in (first, second, third):
        make(repository)
    strongroom.backup(first, source)
    _copy(strongroom, first, [second])
    _copy(restic, second, [third])
    (origin,) = strongroom.snapshots(first)
    assert [snapshot["original"] for snapshot in strongroom.snapshots(third)] == [origin["id"]]
    for source_of, target in ((third, first), (first, third)):
        assert " saved" not in _copy(strongroom, source_of, [target])
    assert [len(strongroom.snapshots(repository)) for repository in (first, second, third)] == [1, 1, 1]


@pytest.mark.peer("rustic")
def test_what_rustic_wrote(
    restic: Restic, strongroom: Strongroom, rustic: Rustic, tmp_path: Path, source: Path
) -> None:
    """Frames without a content size, as rustic writes them, come over and restic reads them."""
    origin, target = tmp_path / "origin", tmp_path / "target"
    rustic.init(origin)
    rustic.backup(origin, source)
    make(target)
    _copy(strongroom, origin, [target])
    restic.check(target)
    assert [s["tree"] for s in restic.snapshots(target)] == [s["tree"] for s in rustic.snapshots(origin)]
