"""How many uploads one principal may have under way at once."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from typing import TYPE_CHECKING

from strongroom.base.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator


class NoTurn(Unavailable):
    """Too much at once for one principal."""


class Turns:
    """How many uploads of each principal one worker takes at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: Counter[str] = Counter()
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def one(self, payer: str) -> Iterator[None]:
        """The time of one upload of a principal, or of whoever is counted in a principal's place. Raises ``NoTurn``."""
        with self._guard:
            if self._running[payer] >= self._most:
                raise NoTurn("too many uploads at once")
            self._running[payer] += 1
        try:
            yield
        finally:
            with self._guard:
                self._running[payer] -= 1
                if not self._running[payer]:
                    del self._running[payer]
