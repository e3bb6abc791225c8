"""Gateways that the requests of one file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers.gateways import Gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """An append-only gateway without authentication, for all tests of this file; each makes its own repositories."""
    with Gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """An append-only gateway with private repositories of two users."""
    users = {"test": "password", "other_user": "secret"}
    flags = ("--append-only", "--private-repos")
    with Gateway(tmp_path_factory.mktemp("shared"), flags=flags, users=users, user="test") as running:
        running.make("test")
        running.make("other_user", user="other_user")
        yield running
