"""The one registry of stores: which class serves which URL, and what each kind of store can do beyond the contract.

Each kind is imported when a URL asks for it, so that a local backup pays for no TLS. What removes is registered in
``storage/removal/`` and what asks a place in ``storage/probe/``, by the same kinds: whoever backs up imports neither.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.base.record import record
from strongroom.storage import backends
from strongroom.storage.contract import StoreKind
from strongroom.storage.wrappers.wrapper import innermost

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from strongroom.storage.contract import Store
    from strongroom.storage.options import StoreOptions
    from strongroom.storage.own.keyed import Keyed
    from strongroom.storage.versions.contract import Versions


@record
class Registered:
    """What there is for one kind of store; None for what it cannot do.

    The openers, by their schemes, take what follows the colon; so does ``place``, with the scheme before it, and gives
    what is equal for all spellings of one place, as far as is known without asking anybody.
    """

    openers: Mapping[str, Callable[[str, StoreOptions], Store]]
    place: Callable[[str, str, StoreOptions], object]
    versions: Callable[[Store], Versions] | None = None
    keyed: Callable[[Store], Keyed] | None = None


def _folder(_scheme: str, path: str, _options: StoreOptions) -> object:
    from strongroom.storage.local.store import LocalStore  # noqa: PLC0415 -- as above, and so below

    return LocalStore(os.path.expanduser(path)).place


def _server(_scheme: str, url: str, options: StoreOptions) -> object:
    from strongroom.storage.rest.url import parse  # noqa: PLC0415

    return parse(url, options).place


def _bucket(_scheme: str, address: str, options: StoreOptions) -> object:
    from strongroom.storage.s3.url import parse  # noqa: PLC0415

    return parse(address, options).location


def _as_written(scheme: str, rest: str, _options: StoreOptions) -> object:
    return scheme, rest.rstrip("/")


def _versions_s3(store: Store) -> Versions:
    from strongroom.storage.s3.store import S3Store  # noqa: PLC0415
    from strongroom.storage.versions.s3 import S3Versions  # noqa: PLC0415

    assert isinstance(store, S3Store)
    return S3Versions(store)


def _keyed_s3(store: Store) -> Keyed:
    from strongroom.storage.own.keyed import S3Keyed  # noqa: PLC0415
    from strongroom.storage.s3.store import S3Store  # noqa: PLC0415

    assert isinstance(store, S3Store)
    return S3Keyed(store)


def _keyed_cloud(store: Store) -> Keyed:
    from strongroom.storage.cloud.store import CloudStore  # noqa: PLC0415
    from strongroom.storage.own.keyed import CloudKeyed  # noqa: PLC0415

    assert isinstance(store, CloudStore)
    return CloudKeyed(store)


_CLOUD = {"gs": backends.open_gs, "az": backends.open_az, "azure": backends.open_az}
KINDS: Mapping[StoreKind, Registered] = {
    StoreKind.LOCAL: Registered({"local": backends.open_local}, _folder),
    StoreKind.REST: Registered({"rest": backends.open_rest}, _server),
    StoreKind.RCLONE: Registered({"rclone": backends.open_rclone}, _as_written),
    StoreKind.S3: Registered({"s3": backends.open_s3}, _bucket, _versions_s3, _keyed_s3),
    StoreKind.CLOUD: Registered(_CLOUD, _as_written, keyed=_keyed_cloud),
}
SCHEMES = {scheme: kind for kind, one in KINDS.items() for scheme in one.openers}


def versions_of(store: Store) -> Versions:
    """The right to this store's versions. Raises ``Unsupported`` where it has none; passing faults are not retried."""
    inner = innermost(store)
    if (make := KINDS[inner.store_kind].versions) is None:
        raise Unsupported("this kind of store keeps no versions", subject=store.location)
    return make(inner)


def keyed_of(store: Store) -> Keyed:
    """The files in a bucket's store. Raises ``Unsupported`` for any other."""
    inner = innermost(store)
    if (make := KINDS[inner.store_kind].keyed) is None:
        hint = "Write s3://…, gs://… or az://…."
        raise Unsupported("a gateway serves a folder, or a bucket", subject=store.location, hint=hint)
    return make(inner)
