"""Waits that end when the user asks to stop: at once where something is read, soon where something is being stored.

What waits for a network wakes up ten times a second and asks here whether it may go on. Once the user has asked, reads
and connections end at once; an object on its way may still arrive, and so may its index, for some seconds and while
bytes move; the removal of our own locks, which comes last, has the time that is left until all has to be over.
"""

from __future__ import annotations

import math
import threading
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from strongroom.base.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.storage.options import StoreOptions

Result = TypeVar("Result")

SLICE = 0.1
"""Seconds of a wait at once."""


class Purpose(Enum):
    """What a request is for; with the seconds for which it may go on once the user wants to stop.

    Those without a byte first, then those since the wish. Ten in all are promised, and the command sees to that.
    """

    READ = (0.0, 0.0)
    STORE = (2.0, 5.0)
    RELEASE = (2.0, 10.0)


class Stop:
    """Whether the user has asked one store's work to stop, and since when. Safe to use from many threads."""

    def __init__(self, options: StoreOptions) -> None:
        self._cancelled = options.cancelled
        self._clock = options.clock
        self._since: float | None = None
        self._silent: set[Purpose] = set()  # one wait is enough to know that the store does not answer

    def now(self) -> float:
        """Seconds on the clock of the waits."""
        return self._clock.monotonic()

    def check(self, purpose: Purpose, began: float) -> None:
        """Raise ``Interrupted`` when a wait that ``began`` without a byte since may not go on."""
        if not self._cancelled():
            return
        now = self.now()
        if self._since is None:
            self._since = now
        idle, whole = purpose.value
        if now - max(began, self._since) >= idle or now - self._since >= whole or purpose in self._silent:
            self._silent.add(purpose)
            raise Interrupted("stopped while waiting for the store")

    def wait(self, event: threading.Event, seconds: float, purpose: Purpose = Purpose.READ) -> None:
        """Wait until something has happened, or so long. Raises ``Interrupted``."""
        began = self.now()
        while not event.wait(SLICE) and self.now() - began < seconds:
            self.check(purpose, began)

    def result_of(self, work: Callable[[], Result], purpose: Purpose = Purpose.READ) -> Result:
        """What ``work`` returns or raises, in a thread of its own: it stays behind when the user stops.

        For what cannot be woken up: the system's look-up of names, libraries that do their own requests.
        """
        values: list[Result] = []
        errors: list[BaseException] = []
        ended = threading.Event()

        def run() -> None:
            try:
                values.append(work())
            except BaseException as error:
                errors.append(error)
            finally:
                ended.set()

        self.check(purpose, self.now())
        threading.Thread(target=run, name="strongroom-request", daemon=True).start()
        self.wait(ended, math.inf, purpose)
        if errors:
            raise errors[0]
        return values[0]
