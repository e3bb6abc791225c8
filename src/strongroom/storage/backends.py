"""Opening each kind of store, with the wrappers that it needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.storage.local import LocalStore

if TYPE_CHECKING:
    from strongroom.storage.contract import Store
    from strongroom.storage.options import StoreOptions


def open_local(path: str, options: StoreOptions) -> Store:
    """A folder. Its faults are not retried: what a disk refuses now, it refuses in a minute."""
    store = LocalStore(os.path.expanduser(path))
    if options.connections is not None:
        store.connections = options.connections
    return store
