"""Deleting objects: a contract apart from the store's, in modules whose importers a contract lists.

Only the verbs that remove, the custodian's executor, the purge of an expired trash and a gateway without
``--append-only`` may import from here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.storage.local import LocalStore
from strongroom.storage.wrapper import innermost

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Store


class Removal(ABC):
    """The right to delete objects of one repository. Safe to use from many threads."""

    @abstractmethod
    def remove(self, name: ObjectName) -> None:
        """Delete an object. Idempotent: an object that is not there is success.

        Raises ``Refused`` where the store is append-only, ``Unavailable`` for a passing fault.
        """


def removal_of(store: Store) -> Removal:
    """The right to delete what is in this store. Raises ``Unsupported`` where we have none."""
    inner = innermost(store)
    if isinstance(inner, LocalStore):
        from strongroom.storage.removal.local import LocalRemoval  # noqa: PLC0415 -- the modules import this one

        return LocalRemoval(inner)
    raise Unsupported("this kind of store cannot delete", subject=store.location)
