"""The access log: Apache's combined format, or JSON. Nothing that a client sent can break a line or add one (G-9).

A failed login is a line with status 401 and the address, which is what fail2ban looks for.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.gateway.http.answer import Answer
    from strongroom.gateway.http.request import Request

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class AccessLog:
    """One worker's end of the log; lines of several workers do not mix, since each is one write."""

    def __init__(self, path: str | None, form: str) -> None:
        """``path`` is a file, ``-`` for standard output, or None for no log."""
        self._path = path
        self._json = form == "json"
        self._guard = threading.Lock()
        self._descriptor = -1
        self.reopen()

    def reopen(self) -> None:
        """Open the file again, after it was rotated."""
        with self._guard:
            if self._path == "-":
                self._descriptor = sys.stdout.fileno()
            elif self._path:
                old = self._descriptor
                self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
                if old >= 0:
                    os.close(old)

    @property
    def is_kept(self) -> bool:
        """Whether there is a log."""
        return self._descriptor >= 0

    def write(self, request: Request | None, answer: Answer, seconds: float, peer: str, user: str) -> None:
        """One line for one answer."""
        if self._descriptor < 0:
            return
        line = self._as_json if self._json else _combined
        os.write(self._descriptor, line(request, answer, seconds, peer, user).encode("ascii", "backslashreplace"))

    @staticmethod
    def _as_json(request: Request | None, answer: Answer, seconds: float, peer: str, user: str) -> str:
        row = {
            "time": time.time(),
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


def _combined(request: Request | None, answer: Answer, seconds: float, peer: str, user: str) -> str:
    del seconds
    stamp = _stamp(int(time.time()))
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
