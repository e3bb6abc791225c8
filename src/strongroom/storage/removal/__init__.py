"""Deleting objects: a contract apart from the store's, in modules whose importers a contract lists.

Only the verbs that remove, the custodian's executor, the purge of an expired trash and a gateway without
``--append-only`` may import from here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName


class Removal(ABC):
    """The right to delete objects of one repository."""

    @abstractmethod
    def remove(self, name: ObjectName) -> None:
        """Delete an object. Idempotent: an object that is not there is success.

        Raises ``Refused`` where the store is append-only, ``Unavailable`` for a passing fault.
        """
