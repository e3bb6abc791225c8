"""What a round over one repository may take, and what of it each of its steps is sure of, whatever comes before it.

A host that floods its repository makes the first steps long. So a fifth of the requests and of the time is for each of
five steps; what one leaves over goes to those after it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.custody.spending.counted import AskingStore, Requests

if TYPE_CHECKING:
    from strongroom.base.clock import Clock
    from strongroom.storage.contract import Store

REREAD_SHARE = 4
"""A quarter of the bytes is for reading again, whatever arrives."""
EVERYTHING = 1 << 62


class RoundStep(IntEnum):
    """The steps that share requests and time, in their order. Looking is never cut: what is gone must be seen."""

    LOOK, READ, READ_AGAIN, JUDGE, GO = range(5)


@record
class Limits:
    """Bytes that are read, requests and seconds for one round over one repository at most; None: as many as it takes.

    Requests are those for objects and lists.
    """

    bytes: int | None = None
    requests: int | None = None
    seconds: float | None = None


class Budget:
    """What one step may take yet. What was begun is ended, and one object may always be begun while bytes are left.

    ``left``: bytes. ``begun``: requests. ``spent``: the names of what was used up, such as "requests".
    ``is_limited``: whether there is any limit of requests or time.
    """

    is_limited = False

    def __init__(self, left: int = EVERYTHING) -> None:
        self.left = left
        self.begun = 0
        self.spent: set[str] = set()

    def begin(self, size: int = 0, requests: int = 1) -> bool:
        """Whether one more object, of so many bytes, may be begun with so many requests; then it is."""
        if self.left <= 0:
            self.spent.add("bytes")
        elif not self.begun or self._goes_on():
            self.left -= size
            self.begun += requests
            return True
        return False

    def _goes_on(self) -> bool:
        return True


class _StepBudget(Budget):
    """A step's share of the requests and the time of a round."""

    is_limited = True

    def __init__(self, left: int, spending: Spending, requests: float, until: float) -> None:
        super().__init__(left)
        self._spending = spending
        self._before = spending.requests.total
        self._requests = requests
        self._until = until

    def _goes_on(self) -> bool:
        asked = max(self.begun, self._spending.requests.total - self._before)  # what waits for a thread will be asked
        if asked >= self._requests:
            self.spent.add("requests")
        if self._spending.clock.monotonic() >= self._until:
            self.spent.add("time")
        return not self.spent


class Spending:
    """What one round over one repository takes, from now on."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self.clock = clock
        self.requests = Requests()
        self._began = clock.monotonic()
        self._bytes = EVERYTHING if limits.bytes is None else limits.bytes
        self._reading: Budget | None = None

    def counted(self, store: Store) -> Store:
        """The store, with the requests for its objects and lists counted."""
        return AskingStore(store, self.requests)

    def of(self, step: RoundStep) -> Budget:
        """What a step that begins now may take: its share, and what those before it left over."""
        limits, shares = self.limits, len(RoundStep)
        requests = until = float("inf")
        if limits.requests is not None:
            over = limits.requests * (step + 1) // shares - self.requests.total
            requests = max(over, limits.requests // shares)
        if limits.seconds is not None:
            share = limits.seconds / shares
            until = max(self._began + share * (step + 1), self.clock.monotonic() + share)
        limited = limits.requests is not None or limits.seconds is not None
        left = self._bytes_for(step)
        made = _StepBudget(left, self, requests, until) if limited else Budget(left)
        self._reading = made if step is RoundStep.READ else self._reading
        return made

    def _bytes_for(self, step: RoundStep) -> int:
        quarter = self._bytes // REREAD_SHARE
        if step is RoundStep.READ:
            return self._bytes - quarter
        if step is RoundStep.READ_AGAIN and self._reading is not None:
            return max(0, self._reading.left) + quarter  # one large object that was begun last takes nothing of it
        return EVERYTHING if step is RoundStep.JUDGE else self._bytes
