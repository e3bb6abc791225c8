"""Bringing back what was put away: a copy from the trash or an older version. It only creates."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Missing, StrongroomError, Unsupported
from strongroom.base.objects import Kind, ObjectName
from strongroom.receipts.client.gateway_log import GatewayLog
from strongroom.storage.contract import StoreKind
from strongroom.storage.kinds import keyed_of, versions_of
from strongroom.storage.local.store import LocalStore
from strongroom.storage.local.trash import find_in_trash
from strongroom.storage.own.trash import find_keys
from strongroom.storage.versions.contract import Versioning
from strongroom.storage.versions.right_bytes import good_version
from strongroom.storage.versions.tagging import tags_of
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from typing import IO

    from strongroom.storage.contract import Info, Reader, Store, Upload

_BLOCK = 1 << 20


def bring_back(store: Store, name: ObjectName) -> Info:
    """Make an object exist again, with the bytes that its name promises; what the store says of it. Idempotent.

    Raises ``Missing`` where nothing fits any more, ``Unsupported`` where others must do it.
    """
    with contextlib.suppress(Missing):
        info = store.stat(name)
        tags = tags_of(store)
        if tags is not None and tags.is_set(name):  # it is on its way out
            tags.clear(name)
        return info
    plain = innermost(store)
    if isinstance(plain, LocalStore):
        _from_trash(plain, name)
    elif plain.store_kind is StoreKind.S3:
        try:
            _from_versions(plain, name)
        except Missing:
            _from_bucket_trash(plain, name)
    elif plain.store_kind is StoreKind.CLOUD:
        _from_bucket_trash(plain, name)
    elif plain.store_kind is StoreKind.REST:
        _through_gateway(plain, name)
    else:
        raise Unsupported(
            "nobody here keeps what was put away",
            subject=str(name),
            hint="Only folders, buckets with versions and our gateway keep what was put away.",
        )
    return store.stat(name)


def still_there(store: Store, name: str) -> bool:
    """Whether an object, ``kind/name``, is there for sure, though it was to go; nothing is sure of what does not
    answer, or lies in a trash."""
    kind, _, rest = name.partition("/")
    with contextlib.suppress(StrongroomError, ValueError):
        return bool(store.stat(ObjectName(Kind(kind), rest)).name)
    return False


def is_kept(store: Store, name: ObjectName) -> bool | None:
    """Whether a trash beside the store has an object's right bytes, which are read; None where only a gateway knows.

    Versions are not looked at. Raises the store's errors.
    """
    plain = innermost(store)
    if isinstance(plain, LocalStore):
        return any(_is_right(open(one.path, "rb"), name) for one in find_in_trash(plain.path, name))
    if plain.store_kind in {StoreKind.S3, StoreKind.CLOUD}:
        keyed = keyed_of(plain)
        return any(_is_right(keyed.open(one.key), name) for one in find_keys(keyed, name))
    return None if plain.store_kind is StoreKind.REST and name.kind is not Kind.KEY else False


def _is_right(file: IO[bytes] | Reader, name: ObjectName) -> bool:
    digest = hashlib.sha256()
    with file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == name.name


def _through_gateway(store: Store, name: ObjectName) -> None:
    from strongroom.storage.rest.store import RestStore  # noqa: PLC0415

    assert isinstance(store, RestStore)
    if name.kind is Kind.KEY:  # else who has the custodian's token could make an old password open it all again
        raise Unsupported(
            "a gateway gives keys back on its own machine alone",
            subject=str(name),
            hint=f"There: strongroom gateway trash restore REPOSITORY {name.name}. Then the same again here.",
        )
    log = GatewayLog(store.client.address, store.options)
    try:
        log.take_back(name.kind.value, name.name)
    finally:
        log.close()


def has_trash(store: Store) -> bool:
    """Whether what goes here goes to a trash that we empty: a folder's, or that of a bucket without versions.

    Raises the store's errors.
    """
    plain = innermost(store)
    if plain.store_kind is StoreKind.S3:
        return versions_of(plain).protection().versioning is Versioning.OFF
    return plain.store_kind in {StoreKind.LOCAL, StoreKind.CLOUD}


def _from_trash(store: LocalStore, name: ObjectName) -> None:
    for one in find_in_trash(store.path, name):
        with open(one.path, "rb") as file, store.stage(name) as upload:
            if _fill(upload, file, name):
                return
    raise Missing("nothing in the trash has these bytes", subject=str(name))


def _from_bucket_trash(store: Store, name: ObjectName) -> None:
    """Without the right to replace: what comes back is created."""
    keyed = keyed_of(store)
    for one in find_keys(keyed, name):
        with keyed.open(one.key) as file, store.stage(name, file.size) as upload:
            if _fill(upload, file, name):
                return
    raise Missing("neither a version nor the trash has these bytes", subject=str(name))


def _fill(upload: Upload, file: IO[bytes] | Reader, name: ObjectName) -> bool:
    """Copy a file into an upload, which is committed where the bytes are those that the name promises."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
        upload.write(block)
    right = digest.hexdigest() == name.name
    if right:
        upload.commit()
    return right


def _from_versions(store: Store, name: ObjectName) -> None:
    from strongroom.storage.s3.store import S3Store  # noqa: PLC0415
    from strongroom.storage.versions.s3 import S3Versions  # noqa: PLC0415

    assert isinstance(store, S3Store)
    versions = S3Versions(store)
    good = good_version(versions, name, lambda digest: digest == name.name)
    if good is None:
        raise Missing("no version has these bytes", subject=str(name))
    versions.promote(good)
