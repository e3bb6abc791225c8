"""Bringing back what was put away: a copy from the trash or an older version. It only creates."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Missing, Unsupported
from strongroom.receipts.client.gateway_log import GatewayLog
from strongroom.storage.contract import StoreKind
from strongroom.storage.local.store import LocalStore
from strongroom.storage.local.trash import find_in_trash
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Info, Store

_BLOCK = 1 << 20


def bring_back(store: Store, name: ObjectName) -> Info:
    """Make an object exist again, with the bytes that its name promises; what the store says of it. Idempotent.

    Raises ``Missing`` where nothing fits any more, ``Unsupported`` where others must do it.
    """
    with contextlib.suppress(Missing):
        return store.stat(name)
    plain = store
    while isinstance(plain, Wrapper):
        plain = plain.inner
    if isinstance(plain, LocalStore):
        _from_trash(plain, name)
    elif plain.store_kind is StoreKind.S3:
        _from_versions(plain, name)
    elif plain.store_kind is StoreKind.REST:
        _through_gateway(plain, name)
    else:
        raise Unsupported(
            "nobody here keeps what was put away",
            subject=str(name),
            hint="Only folders, buckets with versions and our gateway keep what was put away.",
        )
    return store.stat(name)


def _through_gateway(store: Store, name: ObjectName) -> None:
    from strongroom.storage.rest.store import RestStore  # noqa: PLC0415

    assert isinstance(store, RestStore)
    log = GatewayLog(store.client.address, store.options)
    try:
        log.take_back(name.kind.value, name.name)
    finally:
        log.close()


def _from_trash(store: LocalStore, name: ObjectName) -> None:
    for one in find_in_trash(store.path, name):
        digest = hashlib.sha256()
        with open(one.path, "rb") as file, store.stage(name) as upload:
            while block := file.read(_BLOCK):
                digest.update(block)
                upload.write(block)
            if digest.hexdigest() == name.name:
                upload.commit()
                return
    raise Missing("nothing in the trash has these bytes", subject=str(name))


def _from_versions(store: Store, name: ObjectName) -> None:
    from strongroom.storage.s3.store import S3Store  # noqa: PLC0415
    from strongroom.storage.versions.s3 import S3Versions  # noqa: PLC0415

    assert isinstance(store, S3Store)
    versions = S3Versions(store)
    for version in versions.list(name.kind, after=name.name[:-1]):
        if version.name.name != name.name:
            break
        if version.marker:
            continue
        digest = hashlib.sha256()
        with versions.read(version) as reader:
            while block := reader.read(_BLOCK):
                digest.update(block)
        if digest.hexdigest() == name.name:
            versions.promote(version)
            return
    raise Missing("no version has these bytes", subject=str(name))
