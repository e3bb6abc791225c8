"""kill -9 at any point of a backup: restic finds the repository whole, the next run completes and tidies up."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.programs import Restic, Strongroom
from tests.support.waiting import PATIENCE, until

KILLS = 13
"""For each of the four tests here: 52 in all."""
HITS, MOST = 10, 60
"""So many kills in the phase that is aimed at are wanted, and so many are tried for on a machine where aim is poor."""

THROTTLE = ("--limit-upload", "2")
"""KiB a second, so that one small object takes a quarter of a second and a kill can hit it."""


@dataclass
class State:
    """What lies in a repository: whose appearance tells the phase of a running backup."""

    packs: frozenset[str]
    indexes: frozenset[str]
    snapshots: frozenset[str]

    @staticmethod
    def of(repository: Path) -> State:
        """What is there now; temporary files are not objects."""

        def names(folder: Path) -> frozenset[str]:
            return frozenset(name for name in os.listdir(folder) if len(name) == 64)

        packs = frozenset(name for folder in (repository / "data").iterdir() for name in names(folder))
        return State(packs, names(repository / "index"), names(repository / "snapshots"))

    def phase_since(self, before: State) -> str:
        """What was being written when this state was seen; one small change makes a pack of data and one of trees."""
        if self.snapshots - before.snapshots:
            return "after the snapshot"
        if self.indexes - before.indexes:
            return "snapshot"
        return "index" if len(self.packs - before.packs) >= 2 else "packs"


def leftovers(repository: Path) -> list[str]:
    """Files in a repository that are neither objects nor its config."""
    files = (path for path in repository.rglob("*") if path.is_file())
    return [str(path) for path in files if path.name != "config" and len(path.name) != 64]


def _change(source: Path, number: int) -> None:
    (source / f"new{number}").write_bytes(random.Random(number).randbytes(300))


def _kill_in(
    phase: str, strongroom: Strongroom, repository: Path, source: Path, chance: random.Random, options: tuple[str, ...]
) -> str:
    """Begin a backup, wait for a phase, then a random moment; kill it. Says in which phase it was."""
    before = State.of(repository)
    process = strongroom.start("-r", repository, "backup", *options, source)
    until(lambda: process.poll() is not None or phase in ("any", State.of(repository).phase_since(before)), pause=0.01)
    # Starting costs about a fifth of a second; an object of 300 to 700 bytes a quarter.
    time.sleep(chance.uniform(0.05, 2.5) if phase == "any" else chance.uniform(0.0, 0.18))
    process.kill()
    process.wait()
    return State.of(repository).phase_since(before)


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["packs", "index", "snapshot", "any"])
def test_killed_while(
    phase: str,
    strongroom: Strongroom,
    restic: Restic,
    repository: Path,
    tmp_path: Path,
    histogram: Callable[[str], None],
) -> None:
    """After each kill restic finds no fault in all the data, and the next run completes and leaves nothing."""
    source = trees.ordinary(tmp_path / "source", files=10, largest=20_000)
    strongroom.init(repository)
    strongroom.backup(repository, source)
    chance = random.Random(phase)
    hit: Counter[str] = Counter()
    for number in range(MOST):
        if number >= KILLS and (phase == "any" or hit[phase] >= HITS):
            break
        _change(source, number)
        hit[_kill_in(phase, strongroom, repository, source, chance, THROTTLE)] += 1
        restic.on(repository, "check", "--read-data", "--no-lock").expect(0)
        complete = State.of(repository)
        strongroom.backup(repository, source)
        assert State.of(repository).snapshots - complete.snapshots
        assert not leftovers(repository)
    histogram(f"killed, aiming at {phase}: {dict(hit)}")
    if phase != "any":
        assert hit[phase] >= HITS, hit
    strongroom.on(repository, "unlock", "--remove-all").expect(0)
    restic.check(repository)


@pytest.mark.slow
def test_killed_in_the_middle_of_large_packs(
    strongroom: Strongroom, restic: Restic, repository: Path, tmp_path: Path
) -> None:
    """Killed while a pack of megabytes is on its way to the disk, no part of it stays beyond the next run."""
    source = trees.ordinary(tmp_path / "source", files=5)
    strongroom.init(repository)
    chance = random.Random(3)
    for number in range(4):
        trees.large(source, megabytes=12, seed=number)
        process = strongroom.start("-r", repository, "backup", "--limit-upload", "8000", source)
        time.sleep(chance.uniform(0.3, 1.5))
        process.kill()
        process.wait()
        restic.on(repository, "check", "--read-data", "--no-lock").expect(0)
    strongroom.backup(repository, source)
    assert not leftovers(repository)
    restic.on(repository, "check", "--read-data", "--no-lock").expect(0)


def test_what_was_uploaded_is_used(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """After SIGINT in the middle, exit code 130, and the next run uploads less than everything."""
    source = trees.large(tmp_path / "source", megabytes=96)
    strongroom.init(repository)
    process = strongroom.start("-r", repository, "backup", "--limit-upload", "20000", source)
    until(lambda: State.of(repository).packs, pause=0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 130
    assert State.of(repository).indexes
    assert not State.of(repository).snapshots
    assert not leftovers(repository)
    summary = strongroom.on(repository, "backup", "--json", source).expect(0).lines()[-1]
    assert 0 < summary["data_added"] < 90 << 20
