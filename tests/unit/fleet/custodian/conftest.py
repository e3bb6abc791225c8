"""A host, its custodian, and the server that both speak to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clock import ManualClock
from tests.support.custody.fixtures import custody, host
from tests.support.fleet.server import ServerInProcess

__all__ = ["clock", "custody", "host", "server"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerInProcess]:
    """A fleet's server."""
    made = ServerInProcess(tmp_path)
    yield made
    made.close()


@pytest.fixture
def clock(server: ServerInProcess) -> ManualClock:
    """The clock of all of them."""
    return server.clock
