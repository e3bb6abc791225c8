"""`repair index` beside restic's on copies of the same damaged repository: the same packs, and both find it whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.programs import Restic, Strongroom


def no_index(place: Path) -> None:
    shutil.rmtree(place / "index")
    (place / "index").mkdir()


def a_truncated_index(place: Path) -> None:
    path = next((place / "index").iterdir())
    os.chmod(path, 0o600)
    path.write_bytes(path.read_bytes()[:-30])


def a_pack_that_is_gone(place: Path) -> None:
    next((place / "data").glob("*/*")).unlink()


def a_truncated_pack(place: Path) -> None:
    path = max((place / "data").glob("*/*"), key=lambda one: one.stat().st_size)
    os.chmod(path, 0o600)
    path.write_bytes(path.read_bytes()[:-30])


def entries(restic: Restic, place: Path) -> set[tuple[str, str, int]]:
    """What all index files say: pack, blob and offset."""
    found = set()
    for path in (place / "index").iterdir():
        document = json.loads(restic.on(place, "cat", "index", path.name, "--no-lock").expect(0).out)
        found |= {(pack["id"], blob["id"], blob["offset"]) for pack in document["packs"] for blob in pack["blobs"]}
    return found


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two snapshots by restic and by us, in several index files."""
    place, source = tmp_path_factory.mktemp("saved") / "repository", tmp_path_factory.mktemp("source") / "src"
    restic, strongroom = Restic(tmp_path_factory.mktemp("restic")), Strongroom(tmp_path_factory.mktemp("ours"))
    trees.ordinary(source, files=10, largest=20_000)
    restic.init(place)
    restic.backup(place, source)
    (source / "more").write_text("more")
    strongroom.backup(place, source)
    return place


@pytest.mark.peer("restic")
@pytest.mark.parametrize(
    ("damage", "everything"),
    [
        (no_index, False),
        (a_truncated_index, False),
        (a_truncated_index, True),
        (a_pack_that_is_gone, False),
        (a_truncated_pack, False),
    ],
)
def test_the_same_index_comes_out(
    damage: Callable[[Path], None], everything: bool, saved: Path, tmp_path: Path
) -> None:
    """Each place of each blob is that of restic's new index."""
    found = []
    options = ["--read-all-packs"] if everything else []
    restic = Restic(tmp_path / "restic")
    for program in (restic, Strongroom(tmp_path / "ours")):
        place = shutil.copytree(saved, tmp_path / f"by-{program.name}")
        damage(place)
        program.on(place, "repair", "index", *options).expect(0)
        found.append(entries(restic, place))
        if damage in (no_index, a_truncated_index):
            restic.check(place)
    assert found[0] == found[1] != set()
