"""One command of a hook: run within a time, with the end of what it said."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.record import record
from strongroom.fleet.host import processes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PIECE, _PIECES = 1 << 16, 64


@record
class CommandEnd:
    """How a command ended: its exit code (below 0: the signal that ended it), and the last 16 KiB that it printed."""

    code: int
    output: str
    timed_out: bool = False

    def describe(self, seconds: float) -> str:
        """Half a sentence."""
        return f"did not end within {seconds:g} s" if self.timed_out else processes.how_it_ended(self.code)


def run_command(words: Sequence[str], environment: Mapping[str, str], seconds: float) -> CommandEnd:
    """Run a command to its end; both its streams are read. Raises ``StrongroomError`` when it cannot be started.

    What it leaves running, such as a service, keeps its own process group and our pipe: neither is waited for.
    """
    tail = processes.OutputTail(environment)
    process = processes.start(
        words, environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        limit = monotonic() + seconds
        os.set_blocking(process.stdout.fileno(), False)
        while process.poll() is None:
            _read(process.stdout.fileno(), tail, processes.PAUSE)
            if monotonic() > limit:
                processes.end(process)
                _read(process.stdout.fileno(), tail, 0)
                return CommandEnd(process.returncode, tail.text(), timed_out=True)
        _read(process.stdout.fileno(), tail, 0)
        return CommandEnd(process.returncode, tail.text())
    except BaseException:
        processes.end(process)
        raise
    finally:
        process.stdout.close()


def _read(descriptor: int, tail: processes.OutputTail, seconds: float) -> None:
    """What is there now, after waiting this long for something. A stream that has ended is waited for as well."""
    if not processes.is_readable(descriptor, seconds):
        return
    for _ in range(_PIECES):  # of an output that never stops, too
        try:
            data = os.read(descriptor, _PIECE)
        except BlockingIOError:
            return
        if not data:
            time.sleep(seconds)
            return
        tail.add(data)
