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
        self._unsettled: set[str] = set()

    def remove(self, name: ObjectName) -> None:
        """As the contract says.

        A deleted index or snapshot is durably gone before this returns, since packs are deleted on the strength of it;
        for packs nothing follows, and thousands of syncs would cost minutes.
        """
        self.remove_unsettled(name)
        self.settle()

    def remove_unsettled(self, name: ObjectName) -> None:
        """As the contract says."""
        path = os.path.join(self._root, name.path)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise store_error(error, path) from error
        if name.kind is not Kind.DATA:
            self._unsettled.add(os.path.dirname(path))

    def settle(self) -> None:
        """As the contract says: one sync for each folder, however many files have left it."""
        sync_folders(self._unsettled)


def sync_folders(folders: set[str]) -> None:
    """Make the names in these folders durable, and forget the folders. Raises ``StoreError``."""
    while folders:
        folder = folders.pop()
        try:
            sync_folder(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise store_error(error, folder) from error
