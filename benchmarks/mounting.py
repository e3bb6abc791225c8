"""The row of `mount`: every file of a mounted snapshot read once, one after the other."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.rows import Bench, Outcome, Series

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.programs import Program

PATIENCE = 60.0


def mount(bench: Bench) -> Outcome:
    """`cat` of everything, from one repository that restic wrote; only the reading counts, the peak is the mount's."""
    outcome: Outcome = {}
    with bench.common() as repository:
        for _ in range(bench.rounds):
            for program in (bench.programs.strongroom, bench.programs.restic):
                with bench.fresh() as folder:
                    run = _read(program, repository, folder, bench.source)
                    outcome.setdefault(program.name, Series()).add([run])
    return outcome


def _read(program: Program, repository: Path, folder: Path, source: Path) -> measure.Run:
    place = folder / "mounted"
    place.mkdir()
    environment = program.environment(folder / "home")
    words = [str(program.executable), "-r", str(repository), "mount", str(place)]
    with open(os.devnull, "wb") as nowhere:
        server = subprocess.Popen(words, env=environment, stdout=nowhere, stderr=nowhere)
    shown = place / "snapshots" / "latest" / source.relative_to("/")
    end = time.monotonic() + PATIENCE
    while not shown.exists():
        if server.poll() is not None or time.monotonic() > end:
            server.kill()
            raise measure.Failed(f"{program.name} does not mount; FUSE is needed (apt-get install fuse3)")
        time.sleep(0.05)
    try:
        measure.settle()
        reading = ["sh", "-c", 'find "$0" -type f -exec cat {} + > /dev/null', str(shown)]
        read = measure.run(reading, environment)
    finally:
        subprocess.run(["fusermount3", "-u", str(place)], check=False)
        _, _, usage = os.wait4(server.pid, 0)
        server.returncode = 0
    return measure.Run(read.wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024, b"")
