"""The access log: Apache's combined format, or JSON. Nothing that a client sent can break a line or add one (G-9).

A failed login is a line with status 401 and the address, which is what fail2ban looks for.
"""

from __future__ import annotations

import errno
import functools
import json
import mmap
import os
import socket
import stat
import threading
import time
from typing import TYPE_CHECKING

from strongroom.base.clock import SYSTEM, Clock
from strongroom.base.server_log import LOG

if TYPE_CHECKING:
    from strongroom.gateway.http.answer import Answer
    from strongroom.gateway.http.request import Request


def open_log(path: str) -> int:
    """A descriptor that never waits: whoever reads a pipe may have stopped to. Raises ``OSError``."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    if path != "-":
        return os.open(path, flags | os.O_CREAT, 0o640)
    if stat.S_ISSOCK(os.fstat(1).st_mode):  # the journal's; it cannot be opened anew
        return os.dup(1)
    return os.open("/proc/self/fd/1", flags)  # of our own: whoever shares standard output would not like its flags


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


_failing = mmap.mmap(-1, 1)
"""One byte that all workers share: whether it was told that the log cannot be written. One of them says it for all."""


class AccessLog:
    """One worker's end of the log; lines of several workers do not mix, since each is one write.

    A log that cannot be written costs lines and nothing else: no request waits for it or fails with it.
    """

    def __init__(self, path: str | None, form: str, clock: Clock = SYSTEM) -> None:
        """``path`` is a file, ``-`` for standard output, or None for no log."""
        self._path = path
        self._json = form == "json"
        self._clock = clock
        self._guard = threading.Lock()
        self._descriptor = -1
        self._is_socket = False
        self._torn = False
        """Whether the last line was cut short by a full disk."""
        self.failure = ""
        """Why the log is not written now; empty when it is."""
        self.reopen()

    def reopen(self) -> None:
        """Open the file again, after it was rotated."""
        if self._path is None:
            return
        opened, problem = -1, None
        try:
            opened = open_log(self._path)
        except OSError as error:
            problem = error
        with self._guard:  # without a new one the old one goes, too: nobody reads what it leads to
            old, self._descriptor = self._descriptor, opened
            if problem is None:
                self._recovered()
                self._is_socket = stat.S_ISSOCK(os.fstat(opened).st_mode)
            else:  # not before the old one is gone: a line that still went there would count as recovered
                self._fail(problem)
            if old >= 0:
                os.close(old)

    def reopen_if_moved(self) -> None:
        """Called each second: a file that was taken away, or could not be opened, is opened anew."""
        if self._path is None or self._path == "-":
            return
        try:
            there = os.stat(self._path)
            mine = os.fstat(self._descriptor)
            if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
                return
        except OSError:
            pass
        self.reopen()

    @property
    def is_kept(self) -> bool:
        """Whether there is a log."""
        return self._path is not None

    def write(self, request: Request | None, answer: Answer, seconds: float, peer: str, user: str) -> None:
        """One line for one answer."""
        make = self._as_json if self._json else _combined
        now = self._clock.now_ns() / 10**9
        line = make(request, answer, seconds, peer, user, now).encode("ascii", "backslashreplace")
        with self._guard:
            if self._descriptor < 0:
                return
            try:
                count = self._write(b"\n" + line if self._torn else line)
            except OSError as error:
                self._fail(error)
                return
            count -= self._torn
            self._torn = 0 <= count < len(line)
            if self._torn:
                self._fail(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
            else:
                self._recovered()

    def _write(self, data: bytes) -> int:
        if self._is_socket:
            with socket.socket(fileno=os.dup(self._descriptor)) as journal:
                return journal.send(data, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        return os.write(self._descriptor, data)

    def _recovered(self) -> None:
        if self.failure:
            self.failure = ""
            _failing[0] = 0

    def _fail(self, error: OSError) -> None:
        self.failure = f"the access log is not written: {error.strerror}"
        if not _failing[0]:
            _failing[0] = 1
            LOG.error(f"{self._path}: {self.failure}")

    @staticmethod
    def _as_json(request: Request | None, answer: Answer, seconds: float, peer: str, user: str, now: float) -> str:
        row = {
            "time": now,
            "peer": peer,
            "user": user,
            "method": request.method if request else "",
            "target": request.target if request else "",
            "status": answer.status,
            "bytes": answer.sent,
            "seconds": round(seconds, 6),
            "agent": request.headers.get("user-agent", "") if request else "",
        }
        return json.dumps(row, separators=(",", ":")) + "\n"


def _combined(request: Request | None, answer: Answer, seconds: float, peer: str, user: str, now: float) -> str:
    del seconds
    stamp = _stamp(int(now))
    asked = f"{request.method} {request.target} HTTP/1.1" if request else "-"
    referer = request.headers.get("referer", "") if request else ""
    agent = request.headers.get("user-agent", "") if request else ""
    return (
        f'{peer or "-"} - {_word(user)} [{stamp}] "{_quoted(asked)}" {answer.status} {answer.sent}'
        f' "{_quoted(referer)}" "{_quoted(agent)}"\n'
    )


@functools.lru_cache(maxsize=2)
def _stamp(now: int) -> str:
    """The time as Apache writes it; most lines of a busy server share theirs."""
    t = time.localtime(now)
    offset = time.strftime("%z", t)
    return f"{t.tm_mday:02d}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}:{t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} {offset}"


def _quoted(text: str) -> str:
    """A text within quotes: control characters, quotes, backslashes and what is not ASCII are escaped."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(c if " " <= c <= "~" and c not in '"\\' else _escape(c) for c in text)


def _escape(character: str) -> str:
    return "\\" + character if character in '"\\' else character.encode("unicode_escape").decode()


def _word(user: str) -> str:
    """A user's name as one word without brackets or blanks."""
    return _quoted(user).replace(" ", "\\x20").replace("[", "\\x5b").replace("]", "\\x5d") or "-"
