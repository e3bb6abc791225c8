"""Two kinds of damage at once: after the repairs that `check` names restic finds no fault, and the rest is there."""

from __future__ import annotations

import copy
import itertools
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.forge import Forge, node
from tests.support.programs import Restic, Strongroom

FOLDERS, FILES = 3, 3


class Saved:
    """A repository of two snapshots of three folders, each with a pack of data, of trees, and an index file."""

    def __init__(self, place: Path) -> None:
        self.place = place
        forge = Forge(place)
        self.contents = {
            f"{folder}/{file}": b"%d %d\n" % (folder, file) * 3000 for folder in range(FOLDERS) for file in range(FILES)
        }
        self.data: list[str] = []
        self.trees: list[str] = []
        self.indexes: list[Path] = []
        folders = []
        for folder in range(FOLDERS):
            contents = [self.contents[f"{folder}/{file}"] for file in range(FILES)]
            ids = forge.pack(*(("data", content) for content in contents))
            files = [
                node(str(file), "file", content=[blob], size=len(content))
                for file, (blob, content) in enumerate(zip(ids, contents, strict=True))
            ]
            folders.append(node(str(folder), "dir", subtree=forge.tree(*files)))
            self.data.append(forge.entries[-2]["id"])
            self.trees.append(forge.entries[-1]["id"])
            self.indexes.append(forge.index(forge.entries[-2:]))
        roots = [forge.tree(*folders), forge.tree(*folders, node("more", "dir", subtree=folders[0]["subtree"]))]
        forge.index(forge.entries[-2:])
        self.snapshots = [forge.snapshot(root, time=f"2026-01-0{day}T00:00:00Z") for day, root in enumerate(roots, 1)]

    def at(self, place: Path) -> Saved:
        """The same of a copy."""
        copied = copy.copy(self)
        copied.place = place
        copied.indexes = [place / "index" / path.name for path in self.indexes]
        copied.snapshots = [place / "snapshots" / path.name for path in self.snapshots]
        return copied

    def pack(self, name: str) -> Path:
        """Where a pack lies."""
        return self.place / "data" / name[:2] / name


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


DAMAGES: dict[str, tuple[Callable[[Saved], None], set[str]]] = {
    "a blob flipped": (lambda saved: flip(saved.pack(saved.data[0])), {"0/0"}),
    "data cut": (lambda saved: cut(saved.pack(saved.data[1])), {"1/0", "1/1", "1/2"}),
    "data missing": (lambda saved: saved.pack(saved.data[2]).unlink(), {"2/0", "2/1", "2/2"}),
    "a tree flipped": (lambda saved: flip(saved.pack(saved.trees[0])), {"0/0", "0/1", "0/2"}),
    "a tree missing": (lambda saved: saved.pack(saved.trees[1]).unlink(), {"1/0", "1/1", "1/2"}),
    "an index cut": (lambda saved: cut(saved.indexes[1]), set()),
    "an index missing": (lambda saved: saved.indexes[2].unlink(), set()),
    "a snapshot cut": (lambda saved: cut(saved.snapshots[0]), set()),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Saved:
    return Saved(tmp_path_factory.mktemp("saved") / "repository")


def repair(strongroom: Strongroom, place: Path, aside: Path) -> None:
    """What a user does who follows the words of `check`."""
    said = strongroom.on(place, "check", "--read-data").expect(1).err
    if found := re.search(r"`strongroom forget` with their IDs removes them:\n  (.+)", said):
        strongroom.on(place, "forget", *found[1].split()).expect(0)
    if "`strongroom repair index`" in said:
        strongroom.on(place, "repair", "index").expect(0)
        said = strongroom.on(place, "check", "--read-data").expect(0, 1).err
    if found := re.search(r"`strongroom repair packs` saves what is left:\n  (.+)", said):
        strongroom.on(place, "repair", "packs", *found[1].split(), cwd=aside).expect(0)
    strongroom.on(place, "repair", "snapshots", "--forget").expect(0)


@pytest.mark.peer("restic")
@pytest.mark.parametrize(("one", "two"), list(itertools.combinations(DAMAGES, 2)))
def test_what_is_not_hurt_is_saved(one: str, two: str, made: Saved, strongroom: Strongroom, tmp_path: Path) -> None:
    """Each file that neither damage touched comes back as it was; restic's `check --read-data` passes."""
    place = tmp_path / "repository"
    shutil.copytree(made.place, place)
    saved = made.at(place)
    hurt: set[str] = set()
    for damage in (one, two):
        DAMAGES[damage][0](saved)
        hurt |= DAMAGES[damage][1]
    aside = tmp_path / "aside"
    aside.mkdir()
    repair(strongroom, place, aside)
    restic = Restic(tmp_path / "home")
    restic.check(place)
    restic.restore(place, tmp_path / "back")
    for path, content in made.contents.items():
        if path not in hurt:
            assert (tmp_path / "back" / path).read_bytes() == content, path
    assert len(strongroom.snapshots(place)) == 2 - ("a snapshot cut" in (one, two))


def test_snapshots_are_not_cut_before_the_index_is_right(made: Saved, strongroom: Strongroom, tmp_path: Path) -> None:
    """Where a pack that no index names holds what is missing, nothing is cut, and the verb to begin with is named."""
    place = tmp_path / "repository"
    shutil.copytree(made.place, place)
    made.at(place).indexes[2].unlink()
    said = strongroom.on(place, "repair", "snapshots", "--forget").expect(1).err
    assert "strongroom repair index" in said and made.trees[2] in said
    assert {path.name for path in (place / "snapshots").iterdir()} == {path.name for path in made.snapshots}
    assert "`strongroom repair index`" in strongroom.on(place, "check").expect(1).err
    strongroom.on(place, "repair", "index").expect(0)
    strongroom.on(place, "repair", "snapshots", "--forget").expect(0)
    strongroom.check(place)
    assert {path.name for path in (place / "snapshots").iterdir()} == {path.name for path in made.snapshots}
