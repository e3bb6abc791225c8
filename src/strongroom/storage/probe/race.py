"""Several creators of one name at once."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from strongroom.base import errors

if TYPE_CHECKING:
    from collections.abc import Callable

RACERS = 8


def race(create: Callable[[bytes], object]) -> int:
    """Let several threads create one name with different bytes at once; how many were told that they succeeded."""
    barrier = threading.Barrier(RACERS)
    won: list[int] = []

    def run(number: int) -> None:
        barrier.wait()
        with contextlib.suppress(errors.StrongroomError):
            create(b"racer %d " % number * 100)
            won.append(number)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(won)
