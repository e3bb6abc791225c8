"""The stores that the conformance suite proves, each by a name."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support import peers, session
from tests.support.servers import emulators
from tests.support.servers.gateways import Gateway, over_bucket
from tests.support.servers.minio import running
from tests.support.servers.rest_server import RestServer

from strongroom.storage.local.store import LocalStore
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.removal import removal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.storage.contract import Store
    from strongroom.storage.removal import Removal

    Opener = Callable[[Path], contextlib.AbstractContextManager[Store]]

DEBIAN_RCLONE = "/usr/bin/rclone"


@contextlib.contextmanager
def local(folder: Path) -> Iterator[Store]:
    """A folder on a file system with O_TMPFILE."""
    yield LocalStore(str(folder / "repository"))


@contextlib.contextmanager
def local_named(folder: Path) -> Iterator[Store]:
    """A folder as on a file system without O_TMPFILE: temporary names, flock, renameat2."""
    store = LocalStore(str(folder / "repository"))
    store._anonymous = False
    yield store


@contextlib.contextmanager
def rest(_: Path) -> Iterator[Store]:
    """A server that answers as rest-server does."""
    with RestServer(credentials=("me", "se:cr@t/")) as server:
        address = server.url.replace("//", "//me:se%3Acr%40t%2F@")
        yield open_store(f"rest:{address}", StoreOptions(retry_for=0))


@contextlib.contextmanager
def rest_v1(_: Path) -> Iterator[Store]:
    """A server that knows no sizes in lists and closes every connection; behind retries and a throttle."""
    with RestServer(version=1, keep_alive=False) as server:
        yield open_store(f"rest:{server.url}", StoreOptions(limit_upload=1 << 20, limit_download=1 << 20))


@contextlib.contextmanager
def rclone(folder: Path) -> Iterator[Store]:
    """A folder behind a running rclone; it answers 500 while it still clears away an upload that was cut off."""
    options = StoreOptions(extended={"rclone.program": str(peers.require("rclone"))}, retry_for=30)
    yield open_store(f"rclone:{folder / 'repository'}", options)


@contextlib.contextmanager
def rclone_debian(folder: Path) -> Iterator[Store]:
    """The same with Debian's rclone, which is years older."""
    if not os.access(DEBIAN_RCLONE, os.X_OK):
        pytest.skip(f"{DEBIAN_RCLONE} is not installed")
    options = StoreOptions(extended={"rclone.program": DEBIAN_RCLONE}, retry_for=0)
    yield open_store(f"rclone:{folder / 'repository'}", options)


@contextlib.contextmanager
def s3(_: Path) -> Iterator[Store]:
    """A prefix of its own in a bucket of a real MinIO."""
    options = StoreOptions(environment=running().environment, retry_for=30)
    yield open_store(f"s3:{running().endpoint}/plain/{secrets.token_hex(8)}", options)


@contextlib.contextmanager
def google(_: Path) -> Iterator[Store]:
    """A prefix of its own in a bucket of an emulated Google."""
    url = f"gs://plain/{secrets.token_hex(8)}?endpoint={emulators.google()}"
    yield open_store(url, StoreOptions(environment={}, retry_for=30))


@contextlib.contextmanager
def azure(_: Path) -> Iterator[Store]:
    """A prefix of its own in a container of an emulated Azure."""
    url = f"az://plain/{secrets.token_hex(8)}?endpoint={emulators.azure()}"
    yield open_store(url, StoreOptions(environment=emulators.azure_environment(), retry_for=30))


@contextlib.contextmanager
def gateway(_: Path) -> Iterator[Store]:
    """A repository of its own behind our gateway, which deletes as rest-server does."""
    yield open_store(f"rest:http://{gateway_address()}/{secrets.token_hex(8)}/", StoreOptions(retry_for=30))


@contextlib.contextmanager
def gateway_s3(_: Path) -> Iterator[Store]:
    """The same over a bucket of a real MinIO."""
    yield open_store(f"rest:http://{gateway_address(bucket=True)}/{secrets.token_hex(8)}/", StoreOptions(retry_for=30))


@functools.cache
def gateway_address(*, bucket: bool = False) -> str:
    """The address of one gateway for the whole session."""
    folder = Path(tempfile.mkdtemp(prefix="strongroom-gateway-"))
    session.at_end(lambda: shutil.rmtree(folder, ignore_errors=True))
    flags = ("--no-auth",)
    running = over_bucket(folder, flags=flags) if bucket else Gateway(folder, flags=flags)
    session.at_end(running.stop)
    running.start()
    return running.address


STORES: dict[str, Opener] = {
    "local": local,
    "local-named": local_named,
    "rest": rest,
    "rest-v1": rest_v1,
    "rclone-debian": rclone_debian,
    "rclone": rclone,
    "gateway": gateway,
    "gateway-s3": gateway_s3,
    "s3": s3,
    "google": google,
    "azure": azure,
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty, prepared store of each kind."""
    with STORES[request.param](tmp_path) as opened, opened:
        opened.prepare()
        yield opened


@pytest.fixture
def removal(store: Store) -> Removal:
    """The right to delete from that store."""
    return removal_of(store)
