"""Whether the store still has what it said it took (S-9), asked after uploads, and cheaply.

A bucket that answers 200 and keeps nothing would be believed until the day's look: each receipt is a promise that the
object can be read. A HEAD after each upload would be one more request for each pack, which is a tenth of a PUT's price
and one more round trip. So every object without which no backup counts (snapshots, indexes, keys, configs) is asked
for: a bucket that keeps nothing lets no backup end well. Of packs one in ``EVERY_SECONDS`` by each worker is, which
finds a store that began to lose while a long backup goes on. Once one was not there, all are asked for until one is.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.base.objects import Kind
from strongroom.base.server_log import LOG
from strongroom.gateway.places.bucket import guarantees

if TYPE_CHECKING:
    from strongroom.base.clock import Clock
    from strongroom.base.objects import ObjectName
    from strongroom.storage.own.keyed import Keyed

EVERY_SECONDS = 30.0


class Keeping:
    """What one worker knows of it. Safe to use from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._due = 0.0
        self._lost = False

    @property
    def problem(self) -> str:
        """Why nothing should be believed; empty while all was there that was asked for."""
        return guarantees.KEEPS_NOTHING if self._lost else ""

    def check(self, keyed: Keyed, name: ObjectName) -> None:
        """An object was just stored. Raises ``Unavailable`` where it is not there, or the store does not say."""
        if name.kind is Kind.DATA and not self._is_due():
            return
        found = guarantees.appears(keyed, name.path, self._clock)
        self._note(found)
        if not found:
            raise Unavailable("the store said that it took the object, and has it not", subject=str(name))

    def look_again(self, keyed: Keyed) -> None:
        """Where something was lost: whether an object of our own is kept now, for nobody may upload meanwhile."""
        if self._lost:
            try:
                self._note(guarantees.keeps(keyed, self._clock))
            except StrongroomError as error:
                LOG.error(f"whether the store keeps what it takes cannot be asked: {error}")

    def _is_due(self) -> bool:
        now = self._clock.monotonic()
        with self._guard:
            if not self._lost and now < self._due:
                return False
            self._due = now + EVERY_SECONDS
            return True

    def _note(self, found: bool) -> None:
        with self._guard:
            changed, self._lost = self._lost == found, not found
        if changed:
            LOG.warning("the store keeps what it takes again") if found else LOG.error(self.problem)
