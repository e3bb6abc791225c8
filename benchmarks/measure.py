"""Running one command: how long it took and how much memory it held."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
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


def run(arguments: Sequence[str | Path], env: Mapping[str, str], cwd: Path | None = None) -> Run:
    """Run a command to its end. Raises ``Failed`` when it does not exit with 0.

    The peak is the kernel's own account of the process and of what it waited for. It includes this small process's
    size at the fork, about 30 MB, which is below that of every program at work.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [str(argument) for argument in arguments],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            shown = " ".join(str(argument) for argument in arguments)
            raise Failed(f"{shown}\nexit {process.returncode}\n{_tail(out)}{_tail(err)}")
        out.seek(0)
        return Run(wall, usage.ru_utime, usage.ru_stime, usage.ru_maxrss * 1024, out.read())


def _tail(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read()[-2000:].decode(errors="replace")


def size_of(folder: Path) -> int:
    """The bytes of all files below a folder."""
    return sum(os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(folder) for name in names)
