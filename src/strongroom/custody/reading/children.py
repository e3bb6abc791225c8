"""Reading children: each object is examined in a process that a hostile one may kill, and that can do nothing else.

A child has the key of one repository and ends with the work on it. One is started when there is something to read, and
another where several are read at once; each examines one object at a time, so that it is known which one it died of.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Unavailable
from strongroom.custody.reading.examining import ROW, Examined
from strongroom.custody.reading.wire import (
    ANSWER,
    EXAMINED,
    KEY,
    KINDS,
    MOST_WORDS,
    NO_MEMORY,
    QUESTION,
    READY,
    receive,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strongroom import _kernel
    from strongroom.base.objects import ObjectName

SECONDS = 60
SECONDS_A_MIB = 2
"""Processor time for one object, twenty times what the slowest honest one takes."""
PATIENCE = 20
"""So many times as long by the clock, and a child hangs: other processes want the processor as well."""
_START_SECONDS = 300.0
PROGRAM = (sys.executable, "-I", "-c", "from strongroom.custody.reading.child import main; main()")
_ITS_FAULT = {
    signal.SIGXCPU: "takes longer to read than any honest one",
    signal.SIGABRT: "ends the process that reads it (SIGABRT)",
    signal.SIGSEGV: "ends the process that reads it (SIGSEGV)",
    signal.SIGBUS: "ends the process that reads it (SIGBUS)",
    signal.SIGILL: "ends the process that reads it (SIGILL)",
    signal.SIGFPE: "ends the process that reads it (SIGFPE)",
    signal.SIGSYS: "ends the process that reads it (SIGSYS)",
}
"""Ends that an object may be to blame for; by any other signal somebody else ended the child."""


class _Child:
    """One child. ``ask`` raises ``EOFError`` when it died, after which ``wait`` says of what."""

    def __init__(self, key: _kernel.Key, program: tuple[str, ...], environment: Mapping[str, str]) -> None:
        ours, its = socket.socketpair()
        self._connection = ours
        with its:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                program,
                stdin=its.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                cwd="/",
            )
        ours.settimeout(_START_SECONDS)
        try:
            ours.sendall(KEY.pack(*key.material()))
            started = receive(ours, len(READY)) == READY
        except (EOFError, OSError):
            started = False
        if not started:
            self.end()
            raise Unavailable("the process that reads objects did not start", hint="Is there memory for one?")

    def ask(self, name: ObjectName, source: int, size: int) -> Examined:
        """Raises ``EOFError`` when it died, ``TimeoutError`` when it hangs, ``Unavailable`` for what it cannot read."""
        seconds = SECONDS + SECONDS_A_MIB * (size >> 20)
        self._connection.settimeout((seconds + 1) * PATIENCE)
        question = QUESTION.pack(KINDS.index(name.kind), name.name.encode(), size, seconds)
        try:
            sent = socket.send_fds(self._connection, [question], [source])
            self._connection.sendall(question[sent:])
            status, fault, words, rows = ANSWER.unpack(receive(self._connection, ANSWER.size))
            if max(fault, words) > MOST_WORDS or rows > size or rows % ROW:
                raise EOFError
            texts = [receive(self._connection, length).decode("utf-8", "replace") for length in (fault, words)]
            found = Examined(texts[0], receive(self._connection, rows), texts[1])
        except ConnectionError:
            raise EOFError from None
        if status != EXAMINED:
            raise Unavailable(found.fault, subject=str(name))
        return found

    def end(self) -> int:
        """End it, if it lives; its exit code, negative for a signal."""
        self._connection.close()
        try:
            return self._process.wait(5)  # the closed socket ends it, or it is dead already
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class ReadingChildren:
    """Examines in children. To be used from any thread."""

    def __init__(self, program: tuple[str, ...] = PROGRAM) -> None:
        """``program``: what a child is; a test's own may behave badly."""
        self._program = program
        self._guard = threading.Lock()
        self._idle: dict[tuple[bytes, bytes, bytes], list[_Child]] = {}

    def examine(self, key: _kernel.Key, name: ObjectName, source: int | bytes, size: int) -> Examined:
        """As ``Examining``. An object that ends a child twice has that for its fault."""
        with _descriptor(source) as descriptor:
            for _ in range(2):
                child = self._take(key) or _Child(key, self._program, _environment())
                try:
                    found = child.ask(name, descriptor, size)
                except (EOFError, TimeoutError) as problem:
                    words = _words(child, hangs=isinstance(problem, TimeoutError))
                    continue
                except Unavailable:
                    self._give_back(key, child)
                    raise
                except BaseException:  # half a question may have gone out
                    child.end()
                    raise
                self._give_back(key, child)
                return found
        if words:
            return Examined(words)
        raise Unavailable("the process that reads it was ended by somebody", subject=str(name))

    def end(self) -> None:
        """End those that have nothing to do."""
        with self._guard:
            children = [child for idle in self._idle.values() for child in idle]
            self._idle.clear()
        for child in children:
            child.end()

    def _take(self, key: _kernel.Key) -> _Child | None:
        with self._guard:
            idle = self._idle.get(key.material())
            return idle.pop() if idle else None

    def _give_back(self, key: _kernel.Key, child: _Child) -> None:
        with self._guard:
            self._idle.setdefault(key.material(), []).append(child)


def _words(child: _Child, *, hangs: bool) -> str:
    """Why a child is gone, as a fault of what it read; empty where somebody else ended it."""
    code = child.end()
    if hangs:
        return "hangs the process that reads it"
    if code == NO_MEMORY:
        return "takes more memory to read than any honest one"
    if code < 0:
        return _ITS_FAULT.get(signal.Signals(-code), "")
    return "ends the process that reads it"


def _environment() -> dict[str, str]:
    """No credentials, no password, nothing of the user's."""
    return {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")}


@contextlib.contextmanager
def _descriptor(source: int | bytes) -> Iterator[int]:
    """A descriptor of these bytes."""
    if isinstance(source, int):
        yield source
        return
    descriptor = os.memfd_create("object")
    try:
        view = memoryview(source)
        while view:
            view = view[os.write(descriptor, view) :]
        yield descriptor
    finally:
        os.close(descriptor)
