"""Several creators of one name at once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base import errors

if TYPE_CHECKING:
    from collections.abc import Callable

RACERS = 8


def race(create: Callable[[bytes], object]) -> int:
    """Let several threads create one name with different bytes at once; how many were told that they succeeded.

    Raises ``Interrupted``, which is no answer of the place.
    """
    barrier = threading.Barrier(RACERS)
    won: list[int] = []
    stopped: list[errors.Interrupted] = []

    def run(number: int) -> None:
        barrier.wait()
        try:
            create(b"racer %d " % number * 100)
            won.append(number)
        except errors.Interrupted as error:
            stopped.append(error)
        except errors.StrongroomError:
            pass

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if stopped:
        raise stopped[0]
    return len(won)
