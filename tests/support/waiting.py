"""Waiting for what another process or thread does, on machines of any speed.

A test waits for the thing itself, never for a time after which it should have happened.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE = 180.0
"""Seconds. A wait ends when what is waited for is there: this long lasts only one that has to fail. A busy machine with
a slow disk takes ten times as long as an idle one, and more."""


def until(condition: Callable[[], Found | None], said: Callable[[], str] = str, *, pause: float = 0.02) -> Found:
    """Wait until something is true; what it was. When it never is, the test fails with the words of ``said``."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, f"still not so after {PATIENCE:.0f} s. {said()}"
        time.sleep(pause)
    return found


def away_from_midnight(seconds: float = 60.0) -> None:
    """Let midnight (UTC) go by when it is less than this away: for tests that count by the day."""
    left = 86_400 - time.time() % 86_400
    if left < seconds:
        time.sleep(left + 1)


def kept(seconds: float, attempt: Callable[[], float], tries: int = 4) -> None:
    """Hold a promise of time against attempts, each of which tells the seconds that it took.

    One has to be in time: on a machine that is busy with other things any of them may be late, while a program that
    breaks its promise is late each time.
    """
    took: list[float] = []
    while not took or took[-1] > seconds:
        assert len(took) < tries, f"promised {seconds} s, took {took}"
        took.append(attempt())
