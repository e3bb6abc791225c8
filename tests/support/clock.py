"""A clock that tests move."""

from __future__ import annotations

import threading


class ManualClock:
    """Sleeping moves it; nothing else does, unless a test calls ``advance``."""

    def __init__(self, start_ns: int = 1_700_000_000_000_000_000) -> None:
        self._start_ns = start_ns
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self.sleeps: list[float] = []

    def now_ns(self) -> int:
        """Wall-clock time in nanoseconds."""
        return self._start_ns + int(self._elapsed * 1e9)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        with self._lock:
            self.sleeps.append(seconds)
            self._elapsed += seconds

    def advance(self, seconds: float) -> None:
        """Move on without anybody having slept."""
        with self._lock:
            self._elapsed += seconds
