"""The keeper of a replica by its commands."""

from __future__ import annotations

from pathlib import Path

from strongroom.receipts.commit.signing_key import load_or_create
from tests.support.forge import Forge
from tests.support.programs import Strongroom


def _files(place: Path) -> set[Path]:
    return {path.relative_to(place) for path in place.rglob("*") if path.is_file()}


def test_a_keeper_marks_no_second_replica_as_its_own(strongroom: Strongroom, tmp_path: Path) -> None:
    """It refuses before it writes anything there, or nobody else could keep that one."""
    judge = load_or_create(str(tmp_path / "judge"), "strongroom-judge").verifier
    first, second = (Forge(tmp_path / name).place for name in ("first", "second"))
    words = ("--judge", str(judge), "--repository", "ab" * 32)
    for keeper, place, code in (("one", first, 0), ("one", second, 1), ("two", second, 0)):
        before = _files(second)
        folder = str(tmp_path / keeper)
        said = strongroom.run("custody", "keep", "init", "--keeper", folder, "--store", str(place), *words)
        assert said.code == code, said.err
        assert code == 0 or ("keeps a replica already" in said.err and _files(second) == before)


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(strongroom: Strongroom, tmp_path: Path) -> None:
    """The keeper's and the executor's: a file lies on the way."""
    judge = load_or_create(str(tmp_path / "judge"), "strongroom-judge").verifier
    (tmp_path / "file").write_bytes(b"")
    folder, store = str(tmp_path / "file" / "own"), str(Forge(tmp_path / "store").place)
    words = ("--store", store, "--judge", str(judge), "--repository", "ab" * 32)
    for verb in (("keep", "init", "--keeper", folder), ("executor", "init", "web01", "--executor", folder)):
        said = strongroom.run("custody", *verb, *words).expect(1)
        assert f"{folder}: the folder cannot be made" in said.err and "A file lies there" in said.err
