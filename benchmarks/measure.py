"""Running one command: how long it took and how much memory it held."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(frozen=True, slots=True)
class Run:
    """Wall, user and system time in seconds; ``peak`` resident bytes of the largest process; standard output."""

    wall: float
    user: float
    system: float
    peak: int
    stdout: bytes


class Failed(RuntimeError):
    """A measured command did not succeed; its figures mean nothing."""


def settle() -> None:
    """Bring everything to the disk, so that no run pays for the one before."""
    os.sync()


_STARTER = """
import os, sys, time
begun = time.perf_counter()
child = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - begun
code = os.waitstatus_to_exitcode(status)
os.write(int(sys.argv[1]), repr((wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024, code)).encode())
"""


def run(arguments: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None = None) -> Run:
    """Run a command to its end. Raises ``Failed`` when it does not exit with 0.

    The peak is the kernel's own account of the process and of what it waited for. That begins with the size of whoever
    starts it, so a process of 10 MB does, which also takes the time.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as said:
        words = [str(argument) for argument in arguments]
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", _STARTER, str(said.fileno()), *words],
            check=False,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=[said.fileno()],
        )
        said.seek(0)
        figures = said.read()
        wall, user, system, peak, code = ast.literal_eval(figures.decode()) if figures else (0.0, 0.0, 0.0, 0, "none")
        if code != 0:
            raise Failed(f"{' '.join(words)}\nexit {code}\n{_tail(out)}{_tail(err)}")
        out.seek(0)
        return Run(wall, user, system, peak, out.read())


def _tail(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read()[-2000:].decode(errors="replace")


def size_of(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names)
