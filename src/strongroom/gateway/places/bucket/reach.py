"""Whether the bucket answers, and lists. It is asked when somebody asks for /health, and nobody waits long for it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import Missing, StrongroomError

if TYPE_CHECKING:
    from strongroom.base.clock import Clock
    from strongroom.storage.own.keyed import Keyed

KEY = ".strongroom/probe/reach"
"""There is no such file and no such folder: that it is missing is an answer."""
LIST_SECONDS = 30.0
"""A list costs ten times what a HEAD does, so it is asked for no more often. A right to list may be taken away, and a
bucket that gives single files to whoever knows their names serves no restore."""
FRESH_SECONDS = 2.0
"""So long an answer counts."""
WAIT_SECONDS = 1.0
"""Who asks waits so long for the store, and no longer: else the last answer counts."""
SILENT_SECONDS = 5.0
"""A question that is open for so long is one to tell of. It goes on until the store's client gives it up."""


class BucketReach:
    """One question at a time, in a thread of its own."""

    def __init__(self, keyed: Keyed, clock: Clock) -> None:
        self._keyed = keyed
        self._clock = clock
        self._guard = threading.Lock()
        self._begun = 0.0
        self._answered = threading.Event()
        self._answered.set()
        self._fresh_until = 0.0
        self._failure = ""
        self._listed_until = 0.0

    def problem(self) -> str:
        """Why nothing can be taken in; empty while the store answers."""
        now = self._clock.monotonic()
        with self._guard:
            if self._answered.is_set():
                if now < self._fresh_until:
                    return self._failure
                self._answered.clear()
                self._begun = now
                threading.Thread(target=self._ask, name="reach", daemon=True).start()
            begun = self._begun
        left = begun + WAIT_SECONDS - now
        if not self._answered.wait(max(0.0, left)) and self._clock.monotonic() - begun > SILENT_SECONDS:
            return "the store does not answer"
        return self._failure

    def _ask(self) -> None:
        try:
            if (now := self._clock.monotonic()) < self._listed_until:
                self._keyed.head(KEY)
            else:
                self._keyed.list(f"{KEY}/")
                self._listed_until = now + LIST_SECONDS
            self._failure = ""
        except Missing:
            self._failure = ""
        except StrongroomError as error:
            self._failure = f"the store cannot be used: {error.what}"
        except Exception as error:  # whatever it is, there was no answer
            self._failure = f"the store cannot be used: {type(error).__name__}"
        finally:
            self._fresh_until = self._clock.monotonic() + FRESH_SECONDS
            self._answered.set()
