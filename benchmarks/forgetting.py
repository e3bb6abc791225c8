"""The row ``forget``: a thousand snapshots by a policy, of which a few dozen stay."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks import measure
from benchmarks.programs import PASSWORD, Field, Templates
from benchmarks.rows import Outcome, Series
from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from strongroom.maintenance.tree_rewriter import EMPTY_TREE
from strongroom.maintenance.tree_writer import TreeWriter
from strongroom.repository.opening import open_repository
from strongroom.storage.local.store import LocalStore

SNAPSHOTS = 1000
HOUR_NS = 3600 * 10**9
POLICY = ("--keep-daily", "7", "--keep-weekly", "5", "--keep-monthly", "12")


def forget(programs: Field, place: Path, rounds: int) -> Outcome:
    """``forget`` with a policy, on a copy of the same repository each time."""
    outcome: Outcome = {}
    made = Templates(programs.restic, place / "forget").copy(0, place / "forget" / "made")
    _fill(made)
    for _ in range(max(rounds, 5)):
        for program in (programs.strongroom, programs.restic):
            folder = place / "forget" / "round"
            shutil.copytree(made, folder / "repository")
            measure.settle()
            run = program.run(folder / "home", "-r", folder / "repository", "forget", *POLICY)
            outcome.setdefault(program.name, Series()).add([run])
            shutil.rmtree(folder)
    shutil.rmtree(place / "forget")
    return outcome


def _fill(place: Path) -> None:
    with open_repository(LocalStore(str(place)), PASSWORD.encode()) as repository:
        repository.load_index()
        writer = TreeWriter(repository)
        tree = writer.save(EMPTY_TREE)
        writer.finish()
        now = repository.surroundings.clock.now_ns()
        for age in range(SNAPSHOTS):
            time = Timestamp(now - age * 6 * HOUR_NS)
            repository.save_snapshot(Snapshot(time=time, tree=tree, paths=("/srv",), hostname="bench"))
