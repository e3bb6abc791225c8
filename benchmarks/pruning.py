"""The rows of `prune`: a hundred snapshots with nothing to do, half of the data packed anew, everything unused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.rows import Bench, Outcome, Series

if TYPE_CHECKING:
    from benchmarks.programs import Program

SNAPSHOTS = 100


@contextmanager
def grown(bench: Bench) -> Iterator[Path]:
    """A repository that restic wrote: snapshots that each lack other files, and one of every second file alone."""
    repository = bench.templates.copy(0, bench.place / "grown")
    home, restic = bench.place / "grown-home", bench.programs.restic
    try:
        restic.backup(home, [repository], bench.source)
        for number in range(SNAPSHOTS - 2):
            restic.run(home, "-r", repository, "backup", "--exclude", f"file*{number:02}.*", bench.source)
        restic.run(home, "-r", repository, "backup", "--exclude", "file*[02468].*", bench.source)
        yield repository
    finally:
        shutil.rmtree(repository)
        shutil.rmtree(home, ignore_errors=True)


def nothing(bench: Bench) -> Outcome:
    """All snapshots stay. Caches are as the run before left them."""

    def prepare(program: Program, repository: Path, folder: Path) -> tuple[Path, Path]:
        home = bench.place / f"warm-{program.name}"
        if not home.exists():
            program.run(home, "-r", repository, "prune", "--dry-run")
        del folder
        return home, repository

    try:
        return _rounds(bench, prepare, SNAPSHOTS)
    finally:
        for folder in bench.place.glob("warm-*"):
            shutil.rmtree(folder)


def half(bench: Bench) -> Outcome:
    """The snapshot of every second file stays, and nothing unused is tolerated."""
    return _rounds(bench, _copied, 1)


def everything(bench: Bench) -> Outcome:
    """No snapshot stays."""
    return _rounds(bench, _copied, 0)


def _copied(program: Program, repository: Path, folder: Path) -> tuple[Path, Path]:
    del program
    return folder / "home", shutil.copytree(repository, folder / "repository", copy_function=os.link)


def _forget(repository: Path, keep: int) -> None:
    """All but the newest snapshots."""
    snapshots = sorted((repository / "snapshots").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    for path in snapshots[: len(snapshots) - keep]:
        path.unlink()


def _rounds(bench: Bench, prepare: Callable[[Program, Path, Path], tuple[Path, Path]], keep: int) -> Outcome:
    outcome: Outcome = {}
    with grown(bench) as repository:
        _forget(repository, keep)
        for _ in range(bench.rounds):
            for program in (bench.programs.strongroom, bench.programs.restic):
                with bench.fresh() as folder:
                    home, place = prepare(program, repository, folder)
                    measure.settle()
                    run = program.run(home, "-r", place, "prune", "--max-unused", "0")
                    outcome.setdefault(program.name, Series()).add([run], measure.size_of(place))
    return outcome
