"""Building and running the client (``load.rs``), which is the same program for every server."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("load.rs")
CONNECTIONS = 5
"""restic's own default for the REST protocol."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What one run of the client saw. Times in seconds but for the two percentiles, which are milliseconds."""

    seconds: float
    requests: int
    received: int
    median_ms: float
    late_ms: float
    cpu: float
    """Of the client itself: a client that is near the wall time is the bottleneck."""


def build(cache: Path) -> Path:
    """The client's program, compiled with ``rustc`` when the source has changed. Raises ``CalledProcessError``."""
    program = cache / f"load-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}"
    if not program.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = program.with_suffix(f".{os.getpid()}")
        subprocess.run(["rustc", "-O", "--edition", "2021", "-o", fresh, SOURCE], check=True)
        fresh.rename(program)
    return program


def run(program: Path, address: str, requests: Sequence[str], *, connections: int = CONNECTIONS) -> Loaded:
    """Send these requests. Raises ``CalledProcessError`` when any answer is not 200."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [program, address, str(connections)], input="\n".join(requests), text=True, check=True, stdout=subprocess.PIPE
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    words = done.stdout.split()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Loaded(float(words[0]), int(words[1]), int(words[2]), float(words[3]), float(words[4]), cpu)
