"""A server for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet.server import ServerInProcess


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerInProcess]:
    """A server of its own, on SQLite."""
    made = ServerInProcess(tmp_path)
    yield made
    made.close()
