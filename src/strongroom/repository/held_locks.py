"""The locks that this process holds or is about to write: whoever ends the process gives them back first."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Protocol

from strongroom.base.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable


class Held(Protocol):
    """A lock, or what else must not outlive the process, such as a command that it has started."""

    def release(self) -> None:
        """Give it back in an orderly manner."""

    def abandon(self) -> None:
        """Remove what it may have in the store, and wait for nobody."""


class HeldLocks:
    """Safe to use from many threads, a signal's handler included: it takes no lock of its own."""

    def __init__(self, *, one_each: bool = False) -> None:
        """``one_each``: a repository has one lock of this process at most; a second finds that it is given twice."""
        self._one_each = one_each
        self._locks: dict[int, Held] = {}

    def given_twice(self, name: str) -> bool:
        """Whether a lock that stands in a repository is ours, of another spelling of the place."""
        return self._one_each and any(name in getattr(lock, "names", ()) for lock in list(self._locks.values()))

    def add(self, lock: Held) -> None:
        """It may be in the store from now on."""
        self._locks[id(lock)] = lock

    def remove(self, lock: Held) -> None:
        """It is in no store any more."""
        self._locks.pop(id(lock), None)

    def release(self, seconds: float) -> None:
        """Give all back, beside one another, and wait so long at most."""
        self._each(lambda lock: lock.release(), seconds)

    def abandon(self, seconds: float) -> None:
        """The same without waiting for what uses them: the process ends at once."""
        self._each(lambda lock: lock.abandon(), seconds)

    def _each(self, what: Callable[[Held], None], seconds: float) -> None:
        locks = list(self._locks.values())
        if not locks:
            return
        left = threading.Semaphore(0)

        def run(lock: Held) -> None:
            try:
                with contextlib.suppress(Interrupted):  # its store does not answer: it goes stale by itself
                    what(lock)
            finally:
                left.release()

        for lock in locks:
            threading.Thread(target=run, args=(lock,), name="strongroom-unlock", daemon=True).start()
        waits = threading.Thread(target=lambda: [left.acquire() for _ in locks], daemon=True)
        waits.start()
        waits.join(seconds)
