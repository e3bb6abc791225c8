"""How many uploads one principal may have under way at once."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING

from strongroom.base.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.gateway.access.caller import Caller


class NoTurn(Unavailable):
    """Too much at once for one principal."""


class Turns:
    """How many uploads of each principal one worker takes at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: Counter[str] = Counter()
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def one(self, identity: Caller) -> Iterator[None]:
        """The time of one upload. Raises ``NoTurn``."""
        with self._guard:
            if self._running[identity.id] >= self._most:
                raise NoTurn("too many uploads at once")
            self._running[identity.id] += 1
        try:
            yield
        finally:
            with self._guard:
                self._running[identity.id] -= 1
                if not self._running[identity.id]:
                    del self._running[identity.id]
