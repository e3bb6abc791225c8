"""`rewrite`, `tag` and `repair snapshots` beside restic's: the same trees, the same fields, and its `check` agrees."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.base.objects import Kind, ObjectName
from strongroom.repository.opening import open_repository
from strongroom.storage.local.store import LocalStore
from tests.support import trees
from tests.support.command import PASSWORD
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import Machine

REWRITES = (
    ("--exclude", "docs", "--exclude", "*.bin", "--iexclude", "A*"),
    ("--snapshot-summary", "--new-host", "other", "--new-time", "2026-01-02 03:04:05", "--tag", "rewrite", "--forget"),
    ("--include", "b*", "--iinclude", "/*/*/*/src/Hostile/*"),
    ("--exclude", "*", "--forget", "--tag", "x"),
)
TAGS = (
    ("--add", "a,b", "--add", "c"),
    ("--remove", "a,nothing"),
    ("--set", "z,y,z"),
    ("--add", "y", "--remove", "z"),
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree with names, links, attributes and times of all kinds."""
    top = tmp_path_factory.mktemp("source") / "src"
    trees.ordinary(top / "ordinary", files=12, largest=4000)
    trees.hostile(top / "hostile", special=False)
    for name in ("docs", "a", "b", "B2", "empty"):
        (top / name).mkdir()
    for name in ("docs/one", "a/two.bin", "b/b3", "b/four", "B2/b"):
        (top / name).write_text(name)
    return top


@pytest.fixture(scope="module")
def saved(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """restic's repository with three snapshots: two of all, one of a folder."""
    place = tmp_path_factory.mktemp("saved") / "repository"
    restic = Restic(tmp_path_factory.mktemp("home"))
    restic.init(place)
    restic.backup(place, source, "--tag", "x,y")
    (source / "b" / "later").write_text("later")
    restic.backup(place, source)
    restic.run("-r", str(place), "backup", "docs", "b", cwd=source).expect(0)
    return place


def shape(snapshot: dict[str, Any]) -> dict[str, Any]:
    """A snapshot without what cannot be equal: its own ID, and the IDs of those that it names."""
    return {key: value for key, value in snapshot.items() if key not in ("id", "short_id", "original", "parent")}


def both(tmp_path: Path, saved: Path, *steps: tuple[str, ...]) -> tuple[list[Any], list[Any]]:
    """The snapshots after the same steps by restic and by us, each on a copy; restic's ``check`` finds both sound."""
    found = []
    for program in (Restic(tmp_path / "restic"), Strongroom(tmp_path / "strongroom")):
        place = tmp_path / f"by-{program.name}"
        shutil.copytree(saved, place)
        said = [program.on(place, *step).expect(0).out.splitlines()[-1:] for step in steps]
        listed = sorted((shape(one) for one in program.snapshots(place)), key=lambda one: str(sorted(one.items())))
        found.append([said, listed])
        Restic(tmp_path / "restic").check(place, read_data=False)
    return found[0], found[1]


@pytest.mark.peer("restic")
def test_rewritten_trees_have_restics_ids(tmp_path: Path, saved: Path) -> None:
    """Excluding, including, counting and renaming make the same trees, summaries, tags and times as restic's."""
    theirs, ours = both(tmp_path, saved, *(("rewrite", *options) for options in REWRITES))
    assert ours == theirs


@pytest.mark.peer("restic")
def test_tags_change_as_restics_do(tmp_path: Path, saved: Path) -> None:
    """The same tags in the same order, and the same last words."""
    theirs, ours = both(tmp_path, saved, *(("tag", *options) for options in TAGS))
    assert ours == theirs


def damaged(saved: Path, place: Path, choose: Callable[[Any], list[str]]) -> Path:
    """A copy of which some packs are gone from disk and index, as after ``repair index``."""
    shutil.copytree(saved, place)
    with open_repository(LocalStore(str(place)), PASSWORD.encode(), surroundings=Machine().surroundings) as repository:
        index = repository.load_index()
        lost = choose(index)
        kept = [(pack, index.pack_entries(pack)) for pack in index.packs() if pack not in lost]
        old = [info.name.name for info in repository.store.list(Kind.INDEX)]
        repository.save_index(kept)
    for name in old:
        os.unlink(place / ObjectName(Kind.INDEX, name).path)
    for pack in lost:
        os.unlink(place / ObjectName(Kind.DATA, pack).path)
    return place


@pytest.mark.parametrize("kind", ["data", "tree"])
@pytest.mark.peer("restic")
def test_repaired_snapshots_are_restics(tmp_path: Path, saved: Path, kind: str) -> None:
    """With the data of the first backup gone, or the trees of the second, what is left is the same tree as restic's."""

    def choose(index: Any) -> list[str]:
        packs = [pack for pack in index.packs() if index.pack_entries(pack)[0].kind == kind]
        return sorted(packs, key=lambda pack: len(index.pack_entries(pack)))[-1:] if kind == "data" else packs[:1]

    place = damaged(saved, tmp_path / "damaged", choose)
    theirs, ours = both(tmp_path, place, ("repair", "snapshots", "--forget"))
    assert theirs[0] != [["no snapshots were modified"]]
    assert ours == theirs
