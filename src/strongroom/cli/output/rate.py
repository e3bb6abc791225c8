"""How fast it goes and how long it will take, over the last seconds rather than since the start."""

from __future__ import annotations

from collections import deque


class Rate:
    """Bytes a second over a sliding window, and the time left at that rate."""

    WINDOW = 15.0
    """Seconds. Long enough to be calm, short enough to notice that a network went away."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int) -> None:
        """At this moment (seconds, monotonic) so many bytes are done."""
        if self._points and now - self._points[-1][0] < 0.2:
            return
        self._points.append((now, done))
        while len(self._points) > 2 and now - self._points[0][0] > self.WINDOW:
            self._points.popleft()

    @property
    def per_second(self) -> float:
        """Bytes a second; 0 while there is nothing to tell it from."""
        if len(self._points) < 2:
            return 0.0
        (then, before), (now, after) = self._points[0], self._points[-1]
        return max(0.0, (after - before) / (now - then)) if now > then else 0.0

    def seconds_left(self, done: int, total: int) -> float | None:
        """The time left, or None when it cannot be told."""
        speed = self.per_second
        return (total - done) / speed if speed > 0 and total > done else None
