"""A server's processes seen from outside: who they are, their processor time, their memory, their descriptors."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found, pending = [], [pid]
    while pending:
        one = pending.pop()
        found.append(one)
        with contextlib.suppress(FileNotFoundError):  # a process or thread that has just ended
            for task in Path(f"/proc/{one}/task").iterdir():
                pending += [int(child) for child in (task / "children").read_text().split()]
    return found


def processor(pid: int) -> float:
    """Seconds of processor time of a process and all below it: what a busy machine does not change."""
    ticks = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """PSS of a process and all below it, in bytes: what they share counts once."""
    total = 0
    for one in family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
            total += next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)
    return total * 1024


def descriptors(pid: int) -> int:
    """Open descriptors of a process and all below it."""
    total = 0
    for one in family(pid):
        with contextlib.suppress(FileNotFoundError):
            total += len(os.listdir(f"/proc/{one}/fd"))
    return total
