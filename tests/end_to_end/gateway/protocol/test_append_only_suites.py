"""The cases of rest-server's and rclone's tests that stand nowhere else, at an append-only gateway."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.support.servers.gateways import Gateway, name_of
from tests.support.servers.replies import read_reply
from tests.support.waiting import PATIENCE

DATA = b"some bytes of a pack" * 100


NAME = name_of(DATA)


MATRIX = [
    "/..",
    "/../x/config",
    "/%2e%2e/x/config",
    "/test/../other_user/config",
    "/test/%2e%2e/other_user/config",
    "/test/../../x/config",
    "/test/%2e%2e/%2e%2e/x/config",
    "/.",
    "/./config",
    "/./other_user/config",
    "/test/./config",
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("path", MATRIX)
def test_rclone_traversal_matrix(shared: Gateway, method: str, path: str) -> None:
    """rclone's matrix of eleven paths and four methods (CVE-2026-59733, CVE-2026-71309): refused, nothing touched."""
    before = sorted(str(one) for one in shared.folder.rglob("*") if ".strongroom" not in str(one))
    reply = shared.ask(method, path, b"evil" if method == "POST" else None)
    assert reply.status in (400, 404)
    assert b"config of" not in reply.body
    assert sorted(str(one) for one in shared.folder.rglob("*") if ".strongroom" not in str(one)) == before
    assert (shared.data / "other_user/config").read_bytes() == b"config of other_user"


def test_rclone_private_repositories(shared: Gateway) -> None:
    """rclone's private repositories: 200 at home, 401 for five wrong credentials, 403 at others' and at the top."""
    assert shared.ask("GET", "/test/config").status == 200
    for user in ("test:", "test:wrong", "other_user:password", "nobody:password", ":"):
        assert shared.ask("GET", "/test/config", user=user).status == 401
    for path in ("/other_user/config", "/config", "/other_user/test/config", "/unmade/config"):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            assert shared.ask(method, path, b"evil" if method == "POST" else None).status == 403


def test_rest_server_test_http_listen(tmp_path: Path) -> None:
    """TestHttpListen: a port of the system's choice is told on standard error; GET of a repository itself is 405."""
    with Gateway(tmp_path) as gateway:
        assert "start server on 127.0.0.1:" in gateway.said()
        assert gateway.put("/repo1/?create=true", b"") == 200
        assert gateway.ask("GET", "/repo1/").status == 405
        with gateway.connect() as connection:
            connection.sendall(gateway.head("GET", "/repo1/", {"Connection": "close"}))
            assert read_reply(connection).headers["allow"] == "POST"
        assert gateway.process is not None
        gateway.process.send_signal(signal.SIGINT)
        assert gateway.process.wait(PATIENCE) == 0
