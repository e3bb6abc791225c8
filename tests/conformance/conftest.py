"""The stores that the conformance suite proves, each by a name."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from strongroom.storage.local import LocalStore
from strongroom.storage.removal import removal_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from strongroom.storage.contract import Store
    from strongroom.storage.removal import Removal

    Opener = Callable[[Path], contextlib.AbstractContextManager[Store]]


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


STORES: dict[str, Opener] = {"local": local, "local-named": local_named}


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
