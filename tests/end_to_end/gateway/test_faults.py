"""Files of the store that the gateway itself may not read, as after work in its folder by another user."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.privileges import without_overriding
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import until

PACK = b"a pack"
SAID = "requests were answered with 500 within the last hour; standard error says why"


@pytest.mark.parametrize("path", [f"data/{name_of(PACK)}", "snapshots/"])
def test_what_cannot_be_read_is_told_at_health(tmp_path: Path, path: str) -> None:
    """500 and never 404, the file's name on standard error, and a warning at /health, where monitoring looks."""
    gateway = Gateway(tmp_path, workers=2)
    gateway.start(wrap=tuple(without_overriding([])))
    gateway.wrapped = False  # what it was wrapped in has become the gateway itself
    try:
        gateway.make()
        assert gateway.put(f"/web01/data/{name_of(PACK)}", PACK) == 200
        assert SAID not in gateway.ask("GET", "/health").json()["warnings"]
        file = gateway.data / "web01" / path.replace("data/", f"data/{name_of(PACK)[:2]}/")
        file.chmod(0)
        answer = gateway.ask("GET", f"/web01/{path}")
        assert answer.status == 500
        until(lambda: SAID in gateway.ask("GET", "/health").json()["warnings"], gateway.said)
        assert gateway.ask("GET", "/health").status == 200
        assert f"{file}: Permission denied" in gateway.said()
        file.chmod(0o700)
        assert gateway.ask("GET", f"/web01/{path}").status == 200
    finally:
        gateway.stop()
