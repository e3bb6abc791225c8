"""Pruning what is damaged: a good copy takes the place of a bad one, and where there is none nothing goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strongroom.base.errors import Damaged, Missing, StrongroomError
from strongroom.base.progress import Reporter
from strongroom.maintenance.prune_plan import MaxUnused, PruneOptions
from strongroom.maintenance.prune_run import prune
from tests.support.forge import Forge, node
from tests.support.pruning.repositories import contents, packs
from tests.support.repositories import opened

EVERYTHING = PruneOptions(max_unused=MaxUnused(percent=0))


class Listening(Reporter):
    """Remembers the errors that it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []

    def error(self, item: bytes | str, message: str, during: str) -> None:
        """Remember it."""
        del during
        self.errors.append(f"{item!s}: {message}")


def half_used(place: Path) -> Forge:
    """A pack of which one blob is needed and one is not, another that nobody needs, and the trees."""
    forge = Forge(place)
    needed, _ = forge.pack(("data", b"needed" * 500), ("data", os.urandom(4000)))
    forge.pack(("data", os.urandom(3000)))
    folder = forge.tree(node("file", "file", content=[needed], size=3000))
    forge.snapshot(forge.tree(node("folder", "dir", subtree=folder)))
    return forge


def spoil(forge: Forge, number: int, place: int = 100) -> None:
    """Flip a bit of a pack."""
    name = forge.entries[number]["id"]
    path = forge.place / "data" / name[:2] / name
    stored = bytearray(path.read_bytes())
    stored[place] ^= 1
    path.write_bytes(stored)


def pruned(place: Path, reporter: Reporter | None = None) -> None:
    """Prune all that nobody needs."""
    with opened(place) as repository, repository.lock(exclusive=True) as lock:
        prune(repository, EVERYTHING, reporter or Reporter(), lock=lock)


def test_a_blob_that_is_bad_in_its_only_pack_stops_the_prune(tmp_path: Path) -> None:
    """It is named, no pack that was in use is removed, and the hint says what helps."""
    forge = half_used(tmp_path)
    forge.index()
    spoil(forge, 0)
    before, reporter = packs(tmp_path), Listening()
    with pytest.raises(Damaged) as stopped:
        pruned(tmp_path, reporter)
    assert "repair packs" in stopped.value.hint
    assert before <= packs(tmp_path)
    assert len(reporter.errors) == 1 and "damaged in every copy" in reporter.errors[0]


def test_a_bad_copy_is_replaced_by_a_good_one(tmp_path: Path) -> None:
    """Whichever of two packs is the damaged one, the file is there afterwards."""
    for number in (0, 1):
        place = tmp_path / str(number)
        forge = Forge(place)
        needed, _ = forge.pack(("data", b"needed" * 500), ("data", os.urandom(4000)))
        forge.pack(("data", b"needed" * 500), ("data", os.urandom(4000)))
        forge.snapshot(forge.tree(node("file", "file", content=[needed], size=3000)))
        forge.index()
        files = contents(place)
        spoil(forge, number)
        pruned(place)
        assert contents(place) == files
        assert not {pack["id"] for pack in forge.entries[:2]} & packs(place)


def test_a_tree_that_is_damaged_stops_the_prune_with_its_path(tmp_path: Path) -> None:
    """Nobody knows what is below it: nothing goes, and the folder is named."""
    forge = half_used(tmp_path)
    forge.index()
    spoil(forge, 2)
    before, reporter = packs(tmp_path), Listening()
    with pytest.raises(Missing) as stopped:
        pruned(tmp_path, reporter)
    assert "repair snapshots" in stopped.value.hint
    assert packs(tmp_path) == before
    assert any(":/folder)" in line for line in reporter.errors)


def test_a_missing_pack_is_named_with_what_it_had(tmp_path: Path) -> None:
    """The file that misses a blob, and the pack."""
    forge = half_used(tmp_path)
    forge.index()
    name = forge.entries[0]["id"]
    (tmp_path / "data" / name[:2] / name).unlink()
    reporter = Listening()
    with pytest.raises(Missing):
        pruned(tmp_path, reporter)
    assert any('"file" needs the blob' in line and ":/folder)" in line for line in reporter.errors)
    assert any(name in line for line in reporter.errors)


def test_a_snapshot_that_cannot_be_read_stops_the_prune(tmp_path: Path) -> None:
    """It may need anything; one that was never written with this key needs nothing."""
    forge = half_used(tmp_path)
    forge.index()
    forge.write("snapshots", os.urandom(300))
    pruned(tmp_path)
    path = next(path for path in (tmp_path / "snapshots").iterdir() if len(path.read_bytes()) != 300)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StrongroomError, match="nobody knows what it needs"):
        pruned(tmp_path)


def test_a_truncated_pack_that_nobody_needs_goes(tmp_path: Path) -> None:
    """Its header is gone, and nothing in it was needed."""
    forge = half_used(tmp_path)
    forge.index()
    name = forge.entries[1]["id"]
    path = tmp_path / "data" / name[:2] / name
    path.write_bytes(path.read_bytes()[:-50])
    files = contents(tmp_path)
    pruned(tmp_path)
    assert name not in packs(tmp_path)
    assert contents(tmp_path) == files
