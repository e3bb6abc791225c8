"""kill -9 in `forget` and `rewrite --forget`: no snapshot is lost that should stay, and the next run finishes."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from strongroom.maintenance.tree_rewriter import EMPTY_TREE
from strongroom.maintenance.tree_writer import TreeWriter
from tests.support import repositories
from tests.support.forge import Forge
from tests.support.programs import Restic, Strongroom
from tests.support.snapshots import add
from tests.support.waiting import until

KILLS = 10
SNAPSHOTS, KEPT = 1500, 20
NS = 1_000_000_000


def names(repository: Path) -> set[str]:
    """The snapshots that are there."""
    return {path.name for path in (repository / "snapshots").iterdir() if len(path.name) == 64}


def history(place: Path) -> list[str]:
    """A repository with many snapshots of an empty folder, the newest first."""
    repositories.make(place)
    with repositories.opened(place) as repository:
        repository.load_index()
        writer = TreeWriter(repository)
        tree = writer.save(EMPTY_TREE)
        writer.finish()
        now = 1_780_000_000
        return [
            repository.save_snapshot(
                Snapshot(time=Timestamp((now - age * 3600) * NS), tree=tree, paths=("/x",), hostname="h")
            )
            for age in range(SNAPSHOTS)
        ]


def test_a_forget_that_is_killed_removes_nothing_else(
    strongroom: Strongroom, restic: Restic, tmp_path: Path, histogram: Callable[[str], None]
) -> None:
    """Of what a policy keeps nothing goes, whenever it is killed; with a trash the rest can be brought back."""
    made = tmp_path / "made"
    newest = history(made)
    hit: Counter[str] = Counter()
    for number in range(KILLS):
        place = tmp_path / f"repository{number}"
        shutil.copytree(made, place)
        began = (place / "snapshots").stat().st_mtime_ns
        trash = ["--keep-removed", "7d"] if number % 2 else []
        process = strongroom.start("-r", place, "forget", "-q", "--accept-repository", "--keep-last", str(KEPT), *trash)
        while process.poll() is None and (place / "snapshots").stat().st_mtime_ns == began:
            time.sleep(0.0002)
        process.kill()
        process.wait()
        left = names(place)
        assert set(newest[:KEPT]) <= left <= set(newest)
        hit["in the middle" if KEPT < len(left) < SNAPSHOTS else "at an end"] += 1
        if trash and len(left) < SNAPSHOTS:
            strongroom.on(place, "unlock", "--remove-all").expect(0)
            strongroom.on(place, "undo", "--accept-repository").expect(0)
            assert names(place) == set(newest)
    histogram(f"forget killed: {dict(hit)}")
    assert hit["in the middle"] >= KILLS // 2, hit
    strongroom.on(place, "unlock", "--remove-all").expect(0)
    strongroom.on(place, "forget", "-q", "--accept-repository", "--keep-last", "7").expect(0)
    assert names(place) == set(newest[:7])
    restic.check(place, read_data=False)


def test_a_rewrite_that_is_killed_loses_no_snapshot(
    strongroom: Strongroom, restic: Restic, tmp_path: Path, histogram: Callable[[str], None]
) -> None:
    """Each snapshot, or the one that stands for it, is there whenever it is killed, and restic finds no fault."""
    place = tmp_path / "repository"
    forge = Forge(place)
    for number in range(6):
        files = {f"out{round}": b"%d" % round for round in range(KILLS + 1)}
        forge.snapshot(add(forge, {"sub": files | {"own": b"%d" % number}}), hostname=f"host{number}")
    forge.index()
    chance = random.Random(7)
    hit: Counter[int] = Counter()
    for number in range(KILLS):
        options = ("--exclude", f"out{number}", "--forget", "--limit-upload", "4")
        before = names(place)
        process = strongroom.start("-r", place, "rewrite", *options)
        until(lambda: process.poll() is not None or len(before - names(place)) >= number % 5, pause=0.003)  # noqa: B023
        time.sleep(chance.uniform(0.0, 0.4 if number % 5 else 1.5))
        process.kill()
        process.wait()
        hosts = {one["hostname"] for one in restic.on(place, "snapshots", "--json", "--no-lock").expect(0).json()}
        assert hosts == {f"host{number}" for number in range(6)}
        hit[len(before - names(place))] += 1
        strongroom.on(place, "unlock", "--remove-all").expect(0)
    assert len(hit) > 2, hit
    histogram(f"rewrite killed, by snapshots that were replaced: {dict(hit)}")
    restic.on(place, "check", "--read-data", "--no-lock").expect(0)
    strongroom.on(place, "rewrite", "--exclude", "out*", "--forget").expect(0)
    restic.check(place)
    listed = strongroom.on(place, "find", "--json", "out*").expect(0).json()
    assert not any(found["matches"] for found in listed), json.dumps(listed)
