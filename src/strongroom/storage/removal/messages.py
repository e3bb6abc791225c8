"""Removing numbered files of ours that a later one has taken the place of, below ``.strongroom/custody/`` alone."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from strongroom.base.errors import Missing, Unsupported
from strongroom.storage.contract import StoreKind
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.store import LocalStore
from strongroom.storage.own.repository_files import PLACE
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from strongroom.storage.contract import Store

_NUMBERED = re.compile(r"custody/(?:to-executor|from-executor|going)/[0-9]{10}\Z")


class NumberedFileRemoval:
    """The right to tidy away messages and statements beside a repository; this can build no other name."""

    def __init__(self, store: Store) -> None:
        self._store = innermost(store)

    def remove(self, path: str) -> None:
        """Remove one, by its path below ``.strongroom/``. Idempotent. Raises ``ValueError`` for any other name,
        ``Unsupported``, and the store's errors."""
        if _NUMBERED.match(path) is None:
            raise ValueError("no numbered file of ours")
        store = self._store
        if isinstance(store, LocalStore):
            target = os.path.join(store.path, PLACE, path)
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(target)
            except OSError as error:
                raise store_error(error, target) from error
        elif store.store_kind is StoreKind.S3:
            self._from_s3(f"{PLACE}/{path}")
        elif store.store_kind is StoreKind.CLOUD:
            self._from_cloud(f"{PLACE}/{path}")
        else:
            raise Unsupported("has no place for files of ours", subject=store.location)

    def _from_s3(self, key: str) -> None:
        from strongroom.storage.s3.store import S3Store  # noqa: PLC0415

        assert isinstance(self._store, S3Store)
        path, client = self._store.address.prefix + key, self._store.client
        answer = client.ask("DELETE", path)
        if answer.status not in {200, 204, 404}:
            raise client.fault(answer, path)
        answer.close()

    def _from_cloud(self, key: str) -> None:
        import obstore  # noqa: PLC0415

        from strongroom.storage.cloud.store import CloudStore  # noqa: PLC0415

        assert isinstance(self._store, CloudStore)
        path = self._store.address.prefix + key
        with contextlib.suppress(Missing), self._store.faults(path):
            obstore.delete(self._store.bucket, path)
