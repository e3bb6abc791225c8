"""``.strongroom/custodian`` beside a repository: who may have something deleted there, made once by its custodian."""

from __future__ import annotations

import hashlib
import io
import os
from typing import TYPE_CHECKING

from strongroom.base.clock import monotonic
from strongroom.base.durable import make_folder, write_new
from strongroom.base.errors import Missing
from strongroom.storage.contract import StoreKind
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.store import LocalStore
from strongroom.storage.own.keyed import CloudKeyed, Keyed, S3Keyed
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from strongroom.storage.contract import Store

_FOLDER, _NAME = ".strongroom", "custodian"
_LIMIT = 4096
_SECONDS = 60.0


def _plain(store: Store) -> Store:
    while isinstance(store, Wrapper):
        store = store.inner
    return store


def has_place(store: Store) -> bool:
    """Whether this kind of store has a place for the mark; a REST server has none, and its roles say who deletes."""
    return _plain(store).store_kind in {StoreKind.LOCAL, StoreKind.S3, StoreKind.CLOUD}


def make_mark(store: Store, judge: str) -> None:
    """Name the judge whose plans count here, unless somebody is named already. Raises the store's errors."""
    plain = _plain(store)
    text = f"{judge}\n".encode()
    if isinstance(plain, LocalStore):
        folder = os.path.join(plain.path, _FOLDER)
        try:
            make_folder(folder, plain.modes.folder)
            if not os.path.exists(os.path.join(folder, _NAME)):
                write_new(os.path.join(folder, _NAME), text, os.path.join(folder, f"{_NAME}.{os.getpid()}.new"))
        except OSError as error:
            raise store_error(error, folder) from error
    elif has_place(plain) and read_mark(plain) is None:
        digest = hashlib.sha256(text).hexdigest()
        _keyed(plain).put(f"{_FOLDER}/{_NAME}", io.BytesIO(text), len(text), digest, until=monotonic() + _SECONDS)


def read_mark(store: Store) -> str | None:
    """Who is named; None where nobody is. Raises the store's errors."""
    plain = _plain(store)
    if isinstance(plain, LocalStore):
        path = os.path.join(plain.path, _FOLDER, _NAME)
        try:
            with open(path, "rb") as file:
                return file.read(_LIMIT).decode("utf-8", "replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise store_error(error, path) from error
    try:
        return _keyed(plain).read(f"{_FOLDER}/{_NAME}", _LIMIT).decode("utf-8", "replace").strip()
    except Missing:
        return None


def _keyed(store: Store) -> Keyed:
    if store.store_kind is StoreKind.S3:
        from strongroom.storage.s3.store import S3Store  # noqa: PLC0415

        assert isinstance(store, S3Store)
        return S3Keyed(store)
    from strongroom.storage.cloud.store import CloudStore  # noqa: PLC0415

    assert isinstance(store, CloudStore)
    return CloudKeyed(store)
