"""How a repository of a run gets on, as the others see it: they wait for one that moves, and not for one that is stuck.

Only durations count here, so this goes by the steady clock of the process.
"""

from __future__ import annotations

from strongroom.base.clock import monotonic


class StallWatch:
    """Told by whoever works for the repository; asked by those who would wait for it. For many threads."""

    def __init__(self) -> None:
        self._moved = monotonic()
        self._troubled: float | None = None
        self._given_up = False

    def moved(self) -> None:
        """Something got done: a file was read, a pack was stored."""
        self._moved = monotonic()
        self._troubled = None

    def waits_for_us(self) -> None:
        """It waits for something of this machine's, such as its turn to derive a key: no fault of its own."""
        self._moved = monotonic()

    def troubled(self) -> None:
        """A request failed and is tried again."""
        if self._troubled is None:
            self._troubled = monotonic()

    def give_up(self) -> None:
        """Nobody wants it any more: its store need not try again."""
        self._given_up = True

    @property
    def given_up(self) -> bool:
        """Whether nobody wants it any more."""
        return self._given_up

    @property
    def trouble(self) -> float:
        """Seconds since the first fault after which nothing got done; 0 when there was none."""
        since = self._troubled
        return 0.0 if since is None else monotonic() - since

    def is_stuck(self, silent: float, troubled: float) -> bool:
        """Whether nothing got done for ``silent`` seconds, or for ``troubled`` seconds since a fault."""
        return monotonic() - self._moved >= silent or self.trouble >= troubled
