"""Deleting from a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.durable import sync_folder
from strongroom.base.objects import Kind
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.removal.contract import Removal

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.local.store import LocalStore


class LocalRemoval(Removal):
    """The right to delete files of one folder."""

    def __init__(self, store: LocalStore) -> None:
        self._root = store.path

    def remove(self, name: ObjectName) -> None:
        """As the contract says.

        A deleted index or snapshot is durably gone before this returns, since packs are deleted on the strength of it;
        for packs nothing follows, and thousands of syncs would cost minutes.
        """
        path = os.path.join(self._root, name.path)
        try:
            os.unlink(path)
            if name.kind is not Kind.DATA:
                sync_folder(os.path.dirname(path))
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(error, path) from error
