"""Deleting one key of a bucket, whatever it is called: for the classes beside it alone, which bound the names."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Missing, Unsupported
from strongroom.storage.contract import StoreKind
from strongroom.storage.removal.http import delete

if TYPE_CHECKING:
    from strongroom.storage.contract import Store


def delete_key(store: Store, key: str) -> None:
    """DELETE ``key`` below the prefix of an unwrapped store. Idempotent. Raises ``Unsupported`` for what is no bucket,
    and the store's errors."""
    if store.store_kind is StoreKind.S3:
        _from_s3(store, key)
    elif store.store_kind is StoreKind.CLOUD:
        _from_cloud(store, key)
    else:
        raise Unsupported("has no place for files of ours", subject=store.location)


def _from_s3(store: Store, key: str) -> None:
    from strongroom.storage.s3.store import S3Store  # noqa: PLC0415

    assert isinstance(store, S3Store)
    delete(store.client, store.address.prefix + key)


def _from_cloud(store: Store, key: str) -> None:
    import obstore  # noqa: PLC0415

    from strongroom.storage.cloud.store import CloudStore  # noqa: PLC0415

    assert isinstance(store, CloudStore)
    path = store.address.prefix + key
    with contextlib.suppress(Missing), store.faults(path):
        obstore.delete(store.bucket, path)
