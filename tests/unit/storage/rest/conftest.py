"""A server that goes wrong on command, and a store at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom.base.objects import Kind
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from tests.support.servers.rest_server import RestServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.storage.contract import Store


ONCE = StoreOptions(retry_for=0)


@pytest.fixture
def server() -> Iterator[RestServer]:
    """A running server."""
    with RestServer() as running:
        yield running


@pytest.fixture
def store(server: RestServer) -> Iterator[Store]:
    """A store that tries once, and knows already whom it talks to."""
    with open_store(f"rest:{server.url}", ONCE) as opened:
        assert not list(opened.list(Kind.CONFIG))
        server.requests.clear()
        yield opened
