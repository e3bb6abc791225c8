"""`fleet status` as an operator reads it: who is paused and why, who was shut out, and whether anybody is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.servers import fleets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.servers.fleets import Fleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A server and a gateway."""
    with fleets.running(tmp_path_factory.mktemp("fleet")) as found:
        yield found


def test_a_pause_says_its_end_and_its_reason_and_a_revoked_host_is_retired(tmp_path: Path, fleet: Fleet) -> None:
    """Others read why nothing rings; whoever was shut out stays in the list, and nothing of it is wrong."""
    fleet.join(tmp_path, "web01")
    place = "--state", str(fleet.folder / "fleet")
    fleet.run("fleet", "pause", "web01", "--for", "8h", "--reason", "new switches", *place)
    said = fleet.run("fleet", "status", *place)
    assert re.search(r"paused: web01/system until \d{4}-\d\d-\d\d \d\d:\d\d UTC: new switches", said.out)
    assert "nobody is told" in said.err
    (watch,) = fleet.status()["watches"]
    assert (watch["state"], watch["pause_reason"]) == ("paused", "new switches")
    assert watch["paused_until"] is not None and fleet.status()["channels"] == 0
    fleet.run("fleet", "revoke", "web01", *place)
    assert [one["state"] for one in fleet.status()["watches"]] == ["retired"]
