"""The right to delete, which every kind of store gives in a way of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from strongroom.base.errors import Unsupported

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName


class Removal(ABC):
    """The right to delete objects of one repository. Safe to use from many threads."""

    @abstractmethod
    def remove(self, name: ObjectName) -> None:
        """Delete an object. Idempotent: an object that is not there is success.

        Raises ``Refused`` where the store is append-only, ``Unavailable`` for a passing fault.
        """

    def remove_unsettled(self, name: ObjectName) -> None:
        """As ``remove``, but durable only once ``settle`` has returned: for many objects at once."""
        self.remove(name)

    def settle(self) -> None:
        """Make all that was removed durably gone. Raises as ``remove``."""


class SlowRemoval(ABC):
    """The right to put objects away, each restorable. ``purges``: whether what was put away ends by ``purge`` alone."""

    purges: ClassVar[bool] = False

    @abstractmethod
    def check(self) -> None:
        """Raise ``Refused`` where a removal would be final now. Asked before each batch."""

    @abstractmethod
    def put_away(self, name: ObjectName, date: str, *, unsound: bool = False) -> None:
        """Put an object away; ``date`` is today's in UTC. Idempotent: what is not there is put away.

        Raises ``Damaged`` for bytes that are not what the name promises, unless it goes for being ``unsound``, and the
        store's errors.
        """

    def purge(self, name: ObjectName, until: str) -> None:
        """Remove for good what was put away on ``until`` or before."""
        words = f"what was put away here until {until} ends by the store's own rule"
        raise Unsupported(words, subject=str(name))
