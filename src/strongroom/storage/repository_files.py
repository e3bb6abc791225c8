"""The files of ours beside a repository, below ``.strongroom/``, in whatever kind of store it is."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.storage.contract import StoreKind
from strongroom.storage.kinds import keyed_of
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.store import LocalStore
from strongroom.storage.names import OWN_PLACE
from strongroom.storage.own.bucket import BucketFiles
from strongroom.storage.own.folder import FolderFiles
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.storage.contract import Store
    from strongroom.storage.own.contract import OwnFiles


def files_beside(store: Store) -> OwnFiles:
    """Our own files beside a repository. Raises ``Unsupported`` where there is no place for them, as on a REST server
    that is no gateway; the store's errors where that has to be asked.

    The methods raise the store's errors.
    """
    plain = innermost(store)
    if isinstance(plain, LocalStore):
        return _FilesOfFolder(plain)
    from strongroom.storage.own.retried import RetriedFiles  # noqa: PLC0415 -- a folder tries nothing again
    from strongroom.storage.wrappers.retry import retrier_of  # noqa: PLC0415

    retrier = retrier_of(store)
    if retrier is None:
        return _plain_files(plain)
    return RetriedFiles(retrier.attempts(briefly=True).call(lambda: _plain_files(plain)), retrier)


def _plain_files(plain: Store) -> OwnFiles:
    if plain.store_kind is StoreKind.REST:
        from strongroom.storage.rest.rest_files import RestFiles  # noqa: PLC0415 -- HTTP is slow to import
        from strongroom.storage.rest.store import RestStore  # noqa: PLC0415

        assert isinstance(plain, RestStore)
        return RestFiles(plain)
    keyed = keyed_of(plain)
    return BucketFiles(keyed, OWN_PLACE, guarded=lambda: not keyed.conditional)


class _FilesOfFolder(FolderFiles):
    """In a repository's folder, whose faults are a store's."""

    def __init__(self, store: LocalStore) -> None:
        self._path = os.path.join(store.path, OWN_PLACE)
        super().__init__(self._path, mode=store.modes.folder)

    def write_once(self, path: str, data: bytes) -> None:
        with self._faults(path):
            super().write_once(path, data)

    def read(self, path: str) -> bytes:
        with self._faults(path):
            return super().read(path)

    def names(self, folder: str) -> list[str]:
        with self._faults(folder):
            return super().names(folder)

    def folders(self, folder: str) -> list[str]:
        with self._faults(folder):
            return super().folders(folder)

    @contextlib.contextmanager
    def _faults(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise store_error(error, os.path.join(self._path, path)) from error
