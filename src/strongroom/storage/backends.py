"""Opening each kind of store, with the wrappers that it needs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported
from strongroom.storage.local.store import LocalStore

if TYPE_CHECKING:
    from strongroom.storage.contract import Store
    from strongroom.storage.options import StoreOptions


def open_local(path: str, options: StoreOptions) -> Store:
    """A folder. Its faults are not retried: what a disk refuses now, it refuses in a minute."""
    store = LocalStore(os.path.expanduser(path))
    if options.connections is not None:
        store.connections = options.connections
    return throttled(store, options)


def open_rest(url: str, options: StoreOptions) -> Store:
    """A REST server."""
    from strongroom.storage.rest.store import RestStore  # noqa: PLC0415 -- a local backup pays for no HTTP
    from strongroom.storage.rest.url import parse  # noqa: PLC0415

    return wrapped(RestStore(parse(url, options), options), options)


def open_rclone(remote: str, options: StoreOptions) -> Store:
    """Whatever rclone reaches."""
    from strongroom.storage.rclone.store import RcloneStore  # noqa: PLC0415

    return wrapped(RcloneStore(remote, options), options)


def open_s3(address: str, options: StoreOptions) -> Store:
    """A bucket."""
    from strongroom.storage.s3.store import S3Store  # noqa: PLC0415
    from strongroom.storage.s3.url import parse  # noqa: PLC0415

    return wrapped(S3Store(parse(address, options), options), options)


def open_gs(address: str, options: StoreOptions) -> Store:
    """A bucket of Google's."""
    return _open_cloud("gs", address, options)


def open_az(address: str, options: StoreOptions) -> Store:
    """A container of Azure's."""
    return _open_cloud("az", address, options)


def _open_cloud(scheme: str, address: str, options: StoreOptions) -> Store:
    from strongroom.storage.cloud.url import parse  # noqa: PLC0415

    parsed = parse(scheme, address, options)
    try:
        from strongroom.storage.cloud.store import CloudStore  # noqa: PLC0415 -- obstore is an extra
    except ImportError as error:
        raise Unsupported(
            "obstore is not installed",
            subject=parsed.location,
            hint="Run: pip install '.[objects]' in the source",
        ) from error
    return wrapped(CloudStore(parsed, options), options)


def wrapped(store: Store, options: StoreOptions) -> Store:
    """A store behind a network, with the throttle and the retries that the options ask for."""
    store = throttled(store, options)
    retry_for = options.seconds_of_retries
    if retry_for > 0:
        from strongroom.storage.wrappers.retry import Retrier, RetryStore, Schedule  # noqa: PLC0415

        store = RetryStore(store, Retrier(options, Schedule(total=retry_for)))
    return store


def throttled(store: Store, options: StoreOptions) -> Store:
    """A store within the options' limits, which are in KiB a second."""
    if options.limit_upload <= 0 and options.limit_download <= 0:
        return store
    from strongroom.storage.wrappers.throttle import RateLimit, ThrottledStore  # noqa: PLC0415

    up = RateLimit(options.limit_upload * 1024, options) if options.limit_upload > 0 else None
    down = RateLimit(options.limit_download * 1024, options) if options.limit_download > 0 else None
    return ThrottledStore(store, up, down)
