"""A look at something that may not answer: who asks waits for a bounded time, and is told what did not."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.errors import StrongroomError

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET = 3.0
"""Seconds for all looks of one question together, which are taken side by side."""


class TimedLook:
    """One look at a time, in a thread of its own. One that has not ended is waited for, and none is begun beside it."""

    def __init__(self, name: str, look: Callable[[], list[str]]) -> None:
        """``look`` finds words for people; ``name`` says in such words what it asks."""
        self._name = name
        self._look = look
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._ended.set()
        self._found: list[str] = []

    def begin(self) -> None:
        """Look, unless the last look still goes on."""
        with self._guard:
            if not self._ended.is_set():
                return
            self._ended.clear()
        try:
            threading.Thread(target=self._run, name=f"look at {self._name}", daemon=True).start()
        except RuntimeError:  # no more threads
            self._run()

    def found(self, until: float) -> list[str]:
        """What it finds, or that it did not end in time."""
        if not self._ended.wait(max(0.0, until - monotonic())):
            return [f"{self._name} did not answer within {BUDGET:.0f} seconds"]
        return self._found

    def _run(self) -> None:
        try:
            self._found = self._look()
        except StrongroomError as error:
            self._found = [f"{self._name}: {error.what}"]
        except Exception as error:  # whatever it is, there was no answer
            self._found = [f"{self._name} cannot be looked at: {type(error).__name__}"]
        finally:
            self._ended.set()


def look_at_all(looks: list[TimedLook]) -> list[list[str]]:
    """What each finds, within one budget."""
    until = monotonic() + BUDGET
    for one in looks:
        one.begin()
    return [one.found(until) for one in looks]
