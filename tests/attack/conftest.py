"""The gateway that attacks on its rules are made on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers.gateways import Gateway


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """An append-only gateway with private repositories for two users."""
    users = {"alice": "a-password", "bob": "b-password"}
    with Gateway(tmp_path, flags=("--append-only", "--private-repos"), users=users, user="alice") as running:
        yield running
