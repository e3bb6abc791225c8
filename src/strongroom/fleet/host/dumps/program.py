"""A dump that a program prints, on this machine or in a container."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.errors import StrongroomError
from strongroom.fleet.host import processes
from strongroom.fleet.host.dumps.contract import DumpFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.fleet.host.dumps.contract import ProgramOfDump

_PIECE = 1 << 20
_LOOK = 0.5
SILENT_SECONDS = 6 * 3600.0
"""So long a program may give nothing where no `timeout` is set: a server that hangs holds up no other night."""
_LINGERING = 600.0
"""Seconds within which a program ends that has closed its output."""


class ProgramProducer:
    """Runs the program, passes on what it prints, and looks at how it ends."""

    def __init__(self, program: ProgramOfDump) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._starting = threading.Lock()
        self._abandoned = False

    def produce(self, write: Callable[[bytes], None]) -> None:
        """As the contract says. A program that is ended by whoever reads no more leaves no process behind."""
        program = self._program
        tail = processes.OutputTail(program.environment)
        with self._starting:
            if self._abandoned:
                return
            try:
                process = self._process = processes.start(
                    program.words, program.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE, bufsize=0, **processes.as_user(program.run_as),
                )  # fmt: skip
            except StrongroomError as error:
                raise DumpFailed(error.what, subject=error.subject, hint=error.hint) from None
        assert process.stdout is not None
        assert process.stderr is not None
        listening = threading.Thread(target=_listen, args=(process.stderr, tail), name="dump-messages", daemon=True)
        listening.start()
        try:
            self._pass_on(process, write)
        finally:
            processes.end(process)
            process.stdout.close()
            listening.join(processes.GRACE)
        if process.returncode:
            hint = f"It said: {tail.text()}" if tail.text() else "It said nothing."
            how = processes.how_it_ended(process.returncode)
            raise DumpFailed(f"{program.words[0]} {how}; no snapshot was made of it", hint=hint)

    def _pass_on(self, process: subprocess.Popen[bytes], write: Callable[[bytes], None]) -> None:
        assert process.stdout is not None
        source = process.stdout.fileno()
        limit = None if self._program.seconds is None else monotonic() + self._program.seconds
        heard = monotonic()
        while True:
            if limit is None and monotonic() > heard + SILENT_SECONDS:
                what = f"the dump gave nothing for {SILENT_SECONDS / 3600:g} hours; no snapshot was made of it"
                raise DumpFailed(what, hint="Look at the server. With `timeout` that time alone counts.")
            if limit is not None and monotonic() > limit:
                what = f"the dump was not done within {self._program.seconds:g} s; no snapshot was made of it"
                raise DumpFailed(what, hint="Raise its `timeout`, or look at the server.")
            if not processes.is_readable(source, _LOOK):
                if process.poll() is not None:  # what it left running has our pipe, and nothing to say
                    break
                continue
            data = os.read(source, _PIECE)
            if not data:
                break
            write(data)
            heard = monotonic()
        end = monotonic() + _LINGERING
        while process.poll() is None and monotonic() < (end if limit is None else min(limit, end)):
            time.sleep(processes.PAUSE)

    def abandon(self) -> None:
        """As the contract says."""
        self._abandoned = True
        if self._process is not None and self._process.returncode is None:
            processes.send(self._process, 9)


def _listen(source: object, tail: processes.OutputTail) -> None:
    with source as stream:  # type: ignore[attr-defined]
        while data := stream.read(_PIECE):
            tail.add(data)
