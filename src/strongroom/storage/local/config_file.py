"""The config of a repository in a folder, replaced as a whole; what it was is kept beside it."""

from __future__ import annotations

import os

from strongroom.base.durable import make_folder, replace_file, write_new
from strongroom.base.objects import CONFIG
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.store import LocalStore

_FOLDER = ".strongroom"


def replace_config(store: LocalStore, stored: bytes, copy_name: str) -> str:
    """Put ``stored`` in the config's place: the old one or the new one stands there at any moment.

    Before that, what it was is kept in the repository's folder ``.strongroom`` under a name that begins with
    ``copy_name``; the path of that is returned. Raises ``StoreError``; then the old one stands.
    """
    old = store.read_bytes(CONFIG)
    path = os.path.join(store.path, "config")
    try:
        make_folder(os.path.join(store.path, _FOLDER), store.modes.folder)
        copy = _keep(os.path.join(store.path, _FOLDER, copy_name), old)
        replace_file(path, stored, mode=store.modes.file)
    except OSError as error:
        raise store_error(error, error.filename or path) from error
    return copy


def _keep(path: str, data: bytes) -> str:
    """Write a file that was not there; one of these very bytes serves."""
    number = 1
    while True:
        name = path if number == 1 else f"{path}-{number}"
        if write_new(name, data, f"{name}.{os.getpid()}.new"):
            return name
        with open(name, "rb") as file:
            if file.read(len(data) + 1) == data:
                return name
        number += 1
