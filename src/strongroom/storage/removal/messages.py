"""Removing numbered files of ours that a later one has taken the place of, below ``.strongroom/custody/`` alone."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.store import LocalStore
from strongroom.storage.names import OWN_PLACE
from strongroom.storage.removal.bucket_key import delete_key
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from strongroom.storage.contract import Store

_NUMBERED = re.compile(r"custody/(?:(?:to-executor|from-executor|going)/[0-9]{10}|good/[0-9]{10}-[0-9a-f]{32})\Z")


class NumberedFileRemoval:
    """The right to tidy away messages, statements and lists beside a repository; this can build no other name."""

    def __init__(self, store: Store) -> None:
        self._store = innermost(store)

    def remove(self, path: str) -> None:
        """Remove one, by its path below ``.strongroom/``. Idempotent. Raises ``ValueError`` for any other name,
        ``Unsupported``, and the store's errors."""
        if _NUMBERED.match(path) is None:
            raise ValueError("no numbered file of ours")
        store = self._store
        if isinstance(store, LocalStore):
            target = os.path.join(store.path, OWN_PLACE, path)
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(target)
            except OSError as error:
                raise store_error(error, target) from error
        else:
            delete_key(store, f"{OWN_PLACE}/{path}")
