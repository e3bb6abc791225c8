"""The right to delete, which every kind of store gives in a way of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

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
