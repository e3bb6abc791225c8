"""Locks by name within one process: one at a time for each name, and no two names in each other's way."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class NamedLocks:
    """A lock for each name that somebody holds or waits for."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, list[None]]] = {}

    @contextlib.contextmanager
    def hold(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """Hold the lock of a name; yields whether it is ours, which it is after a wait."""
        with self._guard:
            lock, users = self._locks.setdefault(name, (threading.Lock(), []))
            users.append(None)
        mine = False
        try:
            mine = lock.acquire(blocking=wait)
            yield mine
        finally:
            if mine:
                lock.release()
            with self._guard:
                users.pop()
                if not users:
                    del self._locks[name]
