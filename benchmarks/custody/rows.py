"""The rows: verification, a quiet repository of a million blobs, a thousand small ones, judging, the catalogue."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import measure
from benchmarks.custody.material import apart, many_repositories, one_repository
from benchmarks.programs import Program

ROWS = ("verify", "unchanged", "thousand", "judge", "catalogue")
Result = dict[str, object]

_LOADER = r"""
import resource, sys, time
from strongroom import _kernel
from strongroom.custody.catalogue import load_catalogue
from strongroom.custody.judging.places import JudgingPlaces
from strongroom.custody.state import State

def measured(work):
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    index = work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(len(index), time.perf_counter() - begun, cpu, after.ru_maxrss - before.ru_maxrss)

def some():
    places, wanted = JudgingPlaces(state, adopted.id, snapshots=1), _kernel.BlobSet()
    for number in range(int(sys.argv[2])):
        wanted.add("data", f"{number:064x}")
    places.want(wanted)
    return places.index

with State(sys.argv[1]) as state:
    adopted = state.repository("one")
    measured(some)
    measured(lambda: load_catalogue(state, adopted.id))
"""
_NAMED = 10_000
"""Blobs that a new snapshot names."""


class CustodyBench:
    """The rows over one place. ``scale`` makes all sizes smaller."""

    def __init__(self, program: Program, place: Path, rounds: int, scale: float) -> None:
        self._program = program
        self._place = place
        self._rounds = rounds
        self._scale = scale

    def run(self, row: str) -> Result:
        """Measure one row, in a folder of its own."""
        folder = self._place / f"custody-{row}"
        folder.mkdir()
        measured: Callable[[Path], Result] = getattr(self, f"_{row}")
        result = measured(folder)
        shutil.rmtree(folder)
        return {"row": f"custody:{row}", **result}

    def _verb(self, folder: Path, *words: str | Path) -> measure.Run:
        verb, *rest = words
        return self._program.run(folder / "home", "custody", verb, "--state", folder / "state", *rest)

    def _verify(self, folder: Path) -> Result:
        """The first round of a repository, against `check --read-data` of the same one."""
        source, place = folder / "source", folder / "r"
        size = int(2e9 * self._scale)
        _files(source, max(1, size // 4_000_000), 4_000_000)
        self._program.run(folder / "home", "-r", place, "init")
        self._program.run(folder / "home", "-r", place, "backup", source)
        ours, theirs, peak = [], [], 0
        ours_cpu, theirs_cpu = [], []
        for number in range(self._rounds):
            state = folder / str(number)
            state.mkdir()
            self._verb(state, "init")
            self._verb(state, "adopt", "one", "--store", place)
            measure.settle()
            run = self._verb(state, "round", "--all")
            ours.append(run.wall)
            ours_cpu.append(_cpu(run))
            peak = max(peak, run.peak)
            check = self._program.run(folder / "home", "-r", place, "check", "--read-data")
            theirs.append(check.wall)
            theirs_cpu.append(_cpu(check))
        return {
            "bytes": size,
            "MB/s": size / _median(ours) / 1e6,
            "of check": _median(theirs) / _median(ours),
            "aim": 0.9,
            "cpu s": _median(ours_cpu),
            "of check's cpu": _median(theirs_cpu) / _median(ours_cpu),
            "peak MB": peak / 1e6,
        }

    def _unchanged(self, folder: Path) -> Result:
        """A million blobs in 60,000 packs: the first round plans, the others find nothing new."""
        packs = int(60_000 * self._scale)
        self._verb(folder, "init")
        apart(one_repository, folder, packs, 17)
        planning = self._verb(folder, "round", "--all")
        runs = [self._verb(folder, "round", "--all") for _ in range(self._rounds)]
        begun = time.perf_counter()
        found = sum(len(names) for _, _, names in os.walk(folder / "r" / "data"))
        return {
            "packs": found,
            "first round s": planning.wall,
            "aim of it": 5.0,
            "first round cpu s": _cpu(planning),
            "round s": _median([run.wall for run in runs]),
            "aim": 2.0,
            "round cpu s": _median(list(map(_cpu, runs))),
            "peak MB": max(run.peak for run in runs) / 1e6,
            "listing alone s": time.perf_counter() - begun,
        }

    def _thousand(self, folder: Path) -> Result:
        """A thousand repositories of a hundred objects, without news."""
        count = max(2, int(1000 * self._scale))
        self._verb(folder, "init")
        apart(many_repositories, folder, count)
        self._verb(folder, "round", "--all")
        before = _bytes(folder / "state")
        runs = [self._verb(folder, "round", "--all") for _ in range(self._rounds)]
        return {
            "repositories": count,
            "state's kB for each": before / count / 1e3,
            "more after each round": (_bytes(folder / "state") - before) / count / 1e3 / self._rounds,
            "rounds s": _median([run.wall for run in runs]),
            "aim": 60.0 * count / 1000,
            "cpu s": _median(list(map(_cpu, runs))),
            "peak MB": max(run.peak for run in runs) / 1e6,
        }

    def _judge(self, folder: Path) -> Result:
        """A snapshot of 100,000 files of which one in a hundred changed, against a round without one."""
        source, place = folder / "source", folder / "r"
        count = int(100_000 * self._scale)
        _files(source, count, 100)
        self._program.run(folder / "home", "-r", place, "init")
        self._program.run(folder / "home", "-r", place, "backup", source)
        self._verb(folder, "init")
        self._verb(folder, "adopt", "one", "--store", place)
        self._verb(folder, "round", "--all")
        calm = [self._verb(folder, "round", "--all") for _ in range(self._rounds)]
        quiet, quiet_cpu = _median([run.wall for run in calm]), _median(list(map(_cpu, calm)))
        dice = random.Random(3)
        times, cpu, peak = [], [], 0
        for _ in range(self._rounds):
            for path in dice.sample(sorted(source.rglob("*.bin")), max(1, count // 100)):
                path.write_bytes(dice.randbytes(120))
            self._program.run(folder / "home", "-r", place, "backup", source)
            run = self._verb(folder, "round", "--all")
            times.append(run.wall)
            cpu.append(_cpu(run))
            peak = max(peak, run.peak)
        return {
            "files": count,
            "round with a new snapshot s": _median(times),
            "quiet round s": quiet,
            "difference s": _median(times) - quiet,
            "difference cpu s": _median(cpu) - quiet_cpu,
            "peak MB": peak / 1e6,
        }

    def _catalogue(self, folder: Path) -> Result:
        """Five million blobs in the catalogue: what loading it all takes."""
        blobs = int(5_000_000 * self._scale)
        self._verb(folder, "init")
        apart(one_repository, folder, blobs // 100, 100, files=False)
        some, whole = (
            line.split()
            for line in subprocess.run(
                [sys.executable, "-c", _LOADER, str(folder / "state"), str(_NAMED)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.splitlines()
        )
        return {
            "blobs": int(whole[0]),
            "for one snapshot s": float(some[1]),
            "its cpu s": float(some[2]),
            "aim": 3.0,
            "its MB": int(some[3]) / 1e3,
            "aim MB": 100,
            "loading all s": float(whole[1]),
            "all cpu s": float(whole[2]),
            "all MB": int(whole[3]) / 1e3,
        }


def lines(result: Result) -> str:
    """One row as printed."""
    shown = [f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in result.items()]
    return ", ".join(shown[1:])


def _cpu(run: measure.Run) -> float:
    return run.user + run.system


def _bytes(folder: Path) -> int:
    """What files of databases take, those that wait in the log of what is written among them."""
    return sum(path.stat().st_size for path in folder.rglob("*.db*") if path.is_file())


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _files(folder: Path, count: int, size: int) -> None:
    dice = random.Random(count)
    for number in range(count):
        path = folder / f"{number // 500}" / f"{number}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dice.randbytes(size))
