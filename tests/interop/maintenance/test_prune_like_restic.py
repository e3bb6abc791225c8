"""`prune` beside restic's on copies of random repositories: the same packs go, no file is lost, each goes on after the
other."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support.programs import Restic, Strongroom
from tests.support.pruning import repositories as pruning

SEEDS = (1, 2)
SMALL = pruning.SMALL_PACKS


def options(chance: random.Random) -> list[str]:
    """Random options of ``prune``."""
    chosen = [*SMALL]
    if unused := chance.choice(["", "0", "0%", "3%", "20%", "unlimited", "2M"]):
        chosen += ["--max-unused", unused]
    if size := chance.choice(["", "", "", "0", "9M", "1G"]):
        chosen += ["--max-repack-size", size]
    if size := chance.choice(["", "", "1M", "3500k"]):
        chosen += ["--repack-smaller-than", size]
    if chance.random() < 0.2:
        chosen.append("--repack-cacheable-only")
    if chance.random() < 0.3:
        chosen.append("--repack-uncompressed")
    return chosen


def doubled(listing: str) -> bool:
    """Whether restic found blobs in several packs: which copy counts hangs on the order in its memory, then."""
    return "duplicates:" in listing


@pytest.mark.peer("restic")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_same_packs_go_and_no_file_is_lost(seed: int, tmp_path: Path) -> None:
    """restic's ``check --read-data`` agrees after each prune, of ours and of the other's after it."""
    chance = random.Random(seed)
    strongroom, restic = Strongroom(tmp_path / "home"), Restic(tmp_path / "restic")
    repository = tmp_path / "repository"
    version = chance.choice(["1", "2", "2"])
    restic.init(repository, "--repository-version", version)
    pruning.grown(repository, tmp_path / "source", [strongroom, restic], chance, snapshots=3, files=10)
    before, files = pruning.packs(repository), pruning.contents(repository)
    for number in range(2):
        chosen = options(chance)
        if version == "1":
            chosen = [option for option in chosen if option != "--repack-uncompressed"]
        ours = pruning.copy_of(repository, tmp_path / f"ours{number}")
        theirs = pruning.copy_of(repository, tmp_path / f"theirs{number}")
        said = restic.on(theirs, "prune", "-vv", *chosen).expect(0).out
        strongroom.on(ours, "prune", *chosen).expect(0)
        if not doubled(said):
            assert before - pruning.packs(ours) == before - pruning.packs(theirs), chosen
        for place in (ours, theirs):
            assert pruning.contents(place) == files
        restic.check(ours)
        restic.on(ours, "prune", "--max-unused", "0", *SMALL).expect(0)
        strongroom.on(theirs, "prune", "--max-unused", "0", *SMALL).expect(0)
        for place in (ours, theirs):
            assert pruning.contents(place) == files
        restic.check(theirs)
