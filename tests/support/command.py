"""Running installed programs as a user does, within limits on time and resident memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

STRONGROOM = Path(sys.executable).parent / "strongroom"
"""The installed command, as ``make setup`` leaves it."""

PASSWORD = "correct horse battery staple"
GIB = 1 << 30


class LimitBroken(AssertionError):
    """A program took more time or more memory than the test allows."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a program ended. ``peak`` is its own highest resident size in bytes; times are in seconds."""

    arguments: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    peak: int

    @property
    def out(self) -> str:
        return self.stdout.decode("utf-8", "replace")

    @property
    def err(self) -> str:
        return self.stderr.decode("utf-8", "replace")

    def lines(self) -> list[Any]:
        """Standard output as JSON, one value a line."""
        return [json.loads(line) for line in self.stdout.splitlines() if line.strip()]

    def json(self) -> Any:
        """Standard output as one JSON value."""
        return json.loads(self.stdout)

    def expect(self, *codes: int) -> Result:
        """This result, if it ended with one of these codes, 0 when none is named."""
        assert self.code in (codes or (0,)), f"exit {self.code}, expected {codes or (0,)}: {self.describe()}"
        return self

    def describe(self) -> str:
        """The command with the end of what it said."""
        said = f"--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-3000:]}"
        return f"{' '.join(self.arguments)} -> {self.code} after {self.seconds:.1f} s\n{said}"


def environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without anything that would steer a program under test, with a home of its own."""
    steering = ("PYTHON", "RESTIC_", "STRONGROOM_", "RUSTIC_", "RCLONE_", "XDG_", "AWS_")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(steering)}
    clean |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "STRONGROOM_STATE_DIR": str(home / "state"),
        "RESTIC_PASSWORD": PASSWORD,
        "RUSTIC_PASSWORD": PASSWORD,
        "LC_ALL": "C.UTF-8",
    }
    return clean | dict(extra or {})


def _resident(pid: int) -> int:
    """The highest resident size so far of a process in bytes; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def _processor_time(pid: int) -> float:
    """The seconds of processor time so far of a process with all its threads; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(
    arguments: Sequence[str | bytes | Path],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | IO[bytes] | None = None,
    seconds: float = 120,
    memory: int = 2 * GIB,
) -> Result:
    """Run a program to its end. Raises ``LimitBroken`` when it takes longer, or holds more bytes, than allowed.

    ``seconds`` are of its own processor time, which neighbours do not add to. Of the clock it gets six times as many.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source = subprocess.PIPE if isinstance(stdin, bytes) else (stdin or subprocess.DEVNULL)
        begun = time.monotonic()
        process = subprocess.Popen(
            [os.fsencode(argument) for argument in arguments],
            stdin=source,
            stdout=out,
            stderr=err,
            env=dict(env),
            cwd=cwd,
        )
        broken: list[str] = []
        ended = threading.Event()
        peak = 0

        def watch() -> None:
            nonlocal peak
            while not ended.wait(0.02):
                peak = max(peak, _resident(process.pid))
                if peak > memory:
                    broken.append(f"{peak >> 20} MiB resident, allowed {memory >> 20}")
                elif time.monotonic() - begun > 6 * seconds or _processor_time(process.pid) > seconds:
                    broken.append(f"still running after {seconds} s of its own or {6 * seconds} s of the clock")
                else:
                    continue
                process.kill()
                return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            process.communicate(stdin if isinstance(stdin, bytes) else None)
        finally:
            ended.set()
            watcher.join()
            if process.poll() is None:
                process.kill()
                process.wait()
        took = time.monotonic() - begun
        out.seek(0)
        err.seek(0)
        shown = tuple(os.fsdecode(os.fsencode(argument)) for argument in arguments)
        result = Result(shown, process.returncode, out.read(), err.read(), took, peak)
    if broken:
        raise LimitBroken(f"{broken[0]}: {result.describe()}")
    return result
