"""A costly look at everything, for whoever asks and has shown no credentials."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from strongroom.base.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE = 3.0
"""Times as long as a look took nobody looks again: however many ask, it is a quarter of one processor's time."""
LONGEST_PAUSE = 1.5
"""Seconds: where it is longer, since a look was slow, who asks meanwhile is told what that one found."""
MOST_WAITING = 16

Found = TypeVar("Found")


class SharedLook(Generic[Found]):
    """Looks for all who ask, one look at a time. Safe to use from many threads."""

    def __init__(self, look: Callable[[], Found]) -> None:
        self._look = look
        self._changed = threading.Condition()
        self._begun = self._ended = self._waiting = 0
        self._running = False
        self._next = 0.0
        self._found: list[Found] = []

    def get(self) -> Found:
        """What a look finds that begins after this was called; where too many wait, or looks are slow, what the last
        one found.

        Raises what the look raises.
        """
        with self._changed:
            wanted = self._begun + 1
            if self._waiting >= MOST_WAITING and self._found:
                return self._found[0]
            self._waiting += 1
            try:
                while self._ended < wanted:
                    left = self._next - monotonic()
                    if not self._running and left > LONGEST_PAUSE and self._found:
                        break
                    if self._running or left > 0:
                        self._changed.wait(None if self._running else left)
                    else:
                        self._look_now()
            finally:
                self._waiting -= 1
            return self._found[0]

    def _look_now(self) -> None:
        self._begun += 1
        self._running, number, begun = True, self._begun, monotonic()
        self._changed.release()
        try:
            found = self._look()
        finally:
            self._changed.acquire()
            self._running = False
            self._next = monotonic() + PAUSE * (monotonic() - begun)
            self._changed.notify_all()
        self._found, self._ended = [found], number
