"""The rows of the table: what each program does, round by round, and what is aimed at.

Every row prepares its places anew before each run, syncs, and lets the programs take turns: one run of each, then the
next round, so that a slow minute of the machine hits all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import measure
from benchmarks.programs import Field, Program, Strongroom, Templates

AIMS: dict[tuple[str, str], dict[str, float]] = {
    ("first", "restic"): {"small": 0.34, "large": 0.42, "text": 0.34},
    ("two", "restic"): {"small": 0.25, "large": 0.30, "text": 0.25},
    ("unchanged", "restic"): {"small": 0.28, "large": 1.0, "text": 1.0},
    ("restore", "restic"): {"small": 0.70, "large": 0.60, "text": 0.60},
    ("restore", "cp"): {"small": 1.0},
    ("check", "restic"): {"small": 0.50, "large": 0.60, "text": 0.50},
    ("copy", "restic"): dict.fromkeys(("small", "large", "text"), 0.5),
    ("copy3", "restic"): dict.fromkeys(("small", "large", "text"), 0.3),
    ("prune-nothing", "restic"): {"small": 0.4},
    ("prune-half", "restic"): {"small": 0.5},
    ("prune-everything", "restic"): {"small": 0.5},
    ("rewrite", "restic"): {"small": 0.5},
    ("forget", "restic"): dict.fromkeys(("disk", "memory"), 0.75),
    ("mount", "restic"): {"small": 0.5, "large": 0.25},
    ("first", "rustic"): dict.fromkeys(("small", "large", "text"), 0.9),
    ("two", "rustic"): dict.fromkeys(("small", "large", "text"), 0.9),
    ("unchanged", "rustic"): dict.fromkeys(("small", "large", "text"), 0.9),
    ("restore", "rustic"): dict.fromkeys(("small", "large", "text"), 0.9),
    ("check", "rustic"): dict.fromkeys(("small", "large", "text"), 0.9),
}
"""The ratios aimed at, by row and by whom ours is held against; smaller is better."""


@dataclass
class Series:
    """The runs of one program in one row: seconds of each round, highest peak in bytes, bytes stored by the last."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    peak: int = 0
    stored: int | None = None

    def add(self, runs: list[measure.Run], stored: int | None = None) -> None:
        """Count the runs of one round as one."""
        self.seconds.append(sum(run.wall for run in runs))
        self.cpu.append(sum(run.user + run.system for run in runs))
        self.peak = max(self.peak, *(run.peak for run in runs))
        self.stored = stored if stored is not None else self.stored


Outcome = dict[str, Series]


class Bench:
    """One data set on one place (disk or memory), with the programs that take part."""

    def __init__(self, name: str, source: Path, place: Path, programs: Field, rounds: int) -> None:
        self.name = name
        self.source = source
        self.place = place
        self.programs = programs
        self.rounds = rounds
        self.templates = Templates(programs.restic, place)

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """A new folder, gone afterwards, with everything else on the disk."""
        folder = self.place / "round"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _takes_part(self, *, unverified: bool) -> list[Program]:
        ours: list[Program] = [self.programs.unverified] if unverified else []
        others = [self.programs.restic, *([self.programs.rustic] if self.programs.rustic else [])]
        return [*ours, self.programs.strongroom, *others]

    def first(self) -> Outcome:
        """A first backup into an empty repository."""
        return self._backup(1)

    def two(self) -> Outcome:
        """A first backup into two repositories: in one pass, or in as many runs as the program needs."""
        return self._backup(2)

    def _backup(self, repositories: int) -> Outcome:
        outcome: Outcome = {}
        for _ in range(self.rounds):
            for program in self._takes_part(unverified=True):
                with self.fresh() as folder:
                    targets = [self.templates.copy(number, folder / f"to{number}") for number in range(repositories)]
                    measure.settle()
                    runs = program.backup(folder / "home", targets, self.source)
                    outcome.setdefault(program.name, Series()).add(runs, measure.size_of(targets[0]))
        return outcome

    def unchanged(self) -> Outcome:
        """A backup when nothing has changed since the last one, a day ago; caches are as the last one left them."""
        outcome: Outcome = {}
        homes = {}
        for program in self._takes_part(unverified=False):
            home = self.place / f"unchanged-{program.name}"
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            repository = self.templates.copy(0, home / "repository")
            program.backup(home / "home", [repository], self.source)
            homes[program.name] = home
        for _ in range(self.rounds):
            for program in self._takes_part(unverified=False):
                home = homes[program.name]
                program.a_day_later(home / "home")
                measure.settle()
                runs = program.backup(home / "home", [home / "repository"], self.source)
                outcome.setdefault(program.name, Series()).add(runs)
        for home in homes.values():
            shutil.rmtree(home)
        return outcome

    @contextmanager
    def common(self) -> Iterator[Path]:
        """A repository that restic wrote, for everybody to read."""
        repository = self.templates.copy(0, self.place / "common")
        try:
            self.programs.restic.backup(self.place / "common-home", [repository], self.source)
            yield repository
        finally:
            shutil.rmtree(repository)
            shutil.rmtree(self.place / "common-home", ignore_errors=True)

    def restore(self) -> Outcome:
        """A restore of everything, from one repository that restic wrote; and a plain copy of the same tree."""
        outcome: Outcome = {}
        with self.common() as repository:
            for _ in range(self.rounds):
                for program in self._takes_part(unverified=False):
                    with self.fresh() as folder:
                        measure.settle()
                        run = program.restore(folder / "home", repository, folder / "target")
                        outcome.setdefault(program.name, Series()).add([run])
                with self.fresh() as folder:
                    measure.settle()
                    copy: list[str | Path] = ["cp", "-a", "--reflink=never", self.source, folder / "target"]
                    environment = self.programs.restic.environment(folder / "home")
                    outcome.setdefault("cp", Series()).add([measure.run(copy, environment)])
        return outcome

    def copy(self) -> Outcome:
        """A copy of everything into an empty repository, from one that restic wrote."""
        return self._copy(1)

    def copy3(self) -> Outcome:
        """The same into three: in one pass, or in three runs."""
        return self._copy(3)

    def _copy(self, repositories: int) -> Outcome:
        outcome: Outcome = {}
        with self.common() as repository:
            for _ in range(self.rounds):
                for program in (self.programs.strongroom, self.programs.restic):
                    with self.fresh() as folder:
                        targets = [self.templates.copy(1, folder / f"to{number}") for number in range(repositories)]
                        measure.settle()
                        runs = program.copy(folder / "home", repository, targets)
                        outcome.setdefault(program.name, Series()).add(runs, measure.size_of(targets[0]))
        return outcome

    def rewrite(self) -> Outcome:
        """A new snapshot without one folder, of a repository that restic wrote; its packs are linked, not copied."""
        outcome: Outcome = {}
        leaving_out = sorted(self.source.iterdir())[0]
        with self.common() as repository:
            for _ in range(self.rounds):
                for program in (self.programs.strongroom, self.programs.restic):
                    with self.fresh() as folder:
                        linked = folder / "repository"
                        shutil.copytree(repository, linked, copy_function=os.link)
                        measure.settle()
                        words = ("-r", linked, "rewrite", "--exclude", leaving_out)
                        outcome.setdefault(program.name, Series()).add([program.run(folder / "home", *words)])
        return outcome

    def check(self) -> Outcome:
        """A check that reads all data of one repository that restic wrote."""
        outcome: Outcome = {}
        with self.common() as repository:
            for _ in range(self.rounds):
                for program in self._takes_part(unverified=False):
                    with self.fresh() as folder:
                        measure.settle()
                        run = program.check(folder / "home", repository)
                        outcome.setdefault(program.name, Series()).add([run])
        return outcome


ROWS = {
    "first": Bench.first,
    "two": Bench.two,
    "unchanged": Bench.unchanged,
    "restore": Bench.restore,
    "check": Bench.check,
    "copy": Bench.copy,
    "copy3": Bench.copy3,
    "rewrite": Bench.rewrite,
}


def version(programs: Field, place: Path, rounds: int) -> Outcome:
    """The start of a program that has nothing to do: ``--version``, or how the program calls it."""
    outcome: Outcome = {}
    verbs = [(programs.strongroom, "--version"), (programs.restic, "version")]
    for _ in range(max(rounds, 5)):
        for program, verb in verbs:
            outcome.setdefault(program.name, Series()).add([program.run(place / "version-home", verb)])
    return outcome


__all__ = ["AIMS", "ROWS", "Bench", "Outcome", "Series", "Strongroom", "version"]
