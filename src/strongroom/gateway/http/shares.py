"""Which worker takes the next connection: the one that has the fewest.

All workers wait at the same listeners, and whoever wakes first would take what is there: of a client's five
connections, four or all five went to one worker of two, where their threads waited for one interpreter lock. The counts
lie in memory that the workers share. They only say who goes first: a connection that the other does not take is taken.
"""

from __future__ import annotations

import mmap

_SIZE = 4
_NEVER = 2**32 - 1


class Shares:
    """How many connections each worker has. Make it before the workers are forked."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._counts = memoryview(mmap.mmap(-1, workers * _SIZE)).cast("I")

    def of(self, worker: int) -> AcceptingShare:
        """The share of the worker with this number, which has no connection yet."""
        share = AcceptingShare(self._counts, worker)
        share.note(0)
        return share


class AcceptingShare:
    """One worker's place among all."""

    def __init__(self, counts: memoryview, worker: int) -> None:
        self._counts = counts
        self._worker = worker

    def note(self, connections: int) -> None:
        """Say how many connections this worker has."""
        self._counts[self._worker] = connections

    def leave(self) -> None:
        """Say that this worker takes no more: nobody has to wait for it."""
        self._counts[self._worker] = _NEVER

    @property
    def is_due(self) -> bool:
        """Whether no other worker has fewer."""
        return bool(self._counts[self._worker] <= min(self._counts))


class LastInTurn(AcceptingShare):
    """Of a worker that can only refuse: it takes a connection that no other one takes."""

    def __init__(self, share: AcceptingShare) -> None:
        share.leave()

    def note(self, connections: int) -> None:
        """As the base says; nobody compares them."""

    def leave(self) -> None:
        """It has left."""

    @property
    def is_due(self) -> bool:
        """Never."""
        return False
