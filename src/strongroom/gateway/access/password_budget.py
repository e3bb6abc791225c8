"""Wrong passwords must not take the processor: two are hashed at once, and each address has a budget of failures."""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING

from strongroom.gateway.access.caller import Denied

if TYPE_CHECKING:
    from strongroom.base.clock import Clock
    from strongroom.gateway.access.htpasswd import PasswordFile

FAILURES = 10
"""So many wrong passwords an address (of IPv6 a network of 64 bits) may send at once; then one more for each
``FAILURE_SECONDS``."""
FAILURE_SECONDS = 3.0
QUEUED = 16
"""So many passwords of one address wait at once to be looked at."""
REMEMBERED = 4096
"""So many addresses' failures are known."""


class PasswordBudget:
    """Who may have a password looked at, and how many wrong ones came from where."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._hashing = threading.Semaphore(2)
        self._queued: collections.Counter[str] = collections.Counter()
        self._failures: dict[str, tuple[float, float]] = {}

    def check(self, passwords: PasswordFile, user: str, password: bytes, peer: str) -> bool:
        """Whether it is right. Raises ``Denied`` where an address has guessed too often, or asks too much at once."""
        with self._guard:
            if self._queued[peer] >= QUEUED:
                raise Denied(503, user)
            self._queued[peer] += 1
        try:
            with self._hashing:
                if not self._may_fail(peer):  # after the wait: others of this address may have failed meanwhile
                    raise Denied(503, user)
                good = passwords.check(user, password)
                if not good:
                    self._note_failure(peer)
                return good
        finally:
            with self._guard:
                self._queued[peer] -= 1
                if not self._queued[peer]:
                    del self._queued[peer]

    def _may_fail(self, peer: str) -> bool:
        with self._guard:
            level, at = self._failures.get(peer, (0.0, 0.0))
        return level - (self._clock.monotonic() - at) / FAILURE_SECONDS < FAILURES

    def _note_failure(self, peer: str) -> None:
        now = self._clock.monotonic()
        with self._guard:
            level, at = self._failures.get(peer, (0.0, now))
            if len(self._failures) >= REMEMBERED:  # of those who have failed last the most recent are kept
                for one in sorted(self._failures, key=lambda key: self._failures[key][1])[: REMEMBERED // 2]:
                    del self._failures[one]
            self._failures[peer] = (max(0.0, level - (now - at) / FAILURE_SECONDS) + 1.0, now)
