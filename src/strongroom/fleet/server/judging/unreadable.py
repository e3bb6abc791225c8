"""What cannot be read in the database is said, and hides nothing else: one bad row must blind nobody to all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.fleet.server.alerting.machine import Wrong

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")
UNREADABLE = "unreadable"
"""The kind of the alert that something in the database makes no sense."""
_SENSELESS = (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError)


class Readings:
    """Readings of the database, each for itself. ``wrong``: those that failed."""

    def __init__(self) -> None:
        self._failed: dict[str, Wrong] = {}

    @property
    def wrong(self) -> list[Wrong]:
        """An alert for each thing that could not be read."""
        return list(self._failed.values())

    def of(self, subject: object, host: object, read: Callable[[], Found], otherwise: Found) -> Found:
        """What ``read`` finds; ``otherwise`` where what the database holds makes no sense. Raises ``Unavailable``."""
        try:
            return read()
        except Unavailable:
            raise
        except (StrongroomError, *_SENSELESS) as error:
            reason = error.what if isinstance(error, StrongroomError) else f"{type(error).__name__}: {error}"
            words = f"cannot be judged, since the server's database holds what makes no sense: {reason[:200]}"
            self._failed[str(subject)] = Wrong(str(subject), UNREADABLE, str(host), True, words)
            return otherwise
