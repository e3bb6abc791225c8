"""A gateway that was probed."""

from __future__ import annotations

from pathlib import Path

from tests.support.programs import Strongroom
from tests.support.servers.gateways import Gateway


def test_a_probe_is_no_reproach(strongroom: Strongroom, tmp_path: Path) -> None:
    """Receipts for the probe's own objects are not held against the log of the repository at that place."""
    (tmp_path / "gateway").mkdir()
    with Gateway(tmp_path / "gateway") as gateway:
        place = f"rest:http://{gateway.address.removeprefix('http://')}/host/"
        strongroom.init(place)
        strongroom.run("storage", "probe", place)
        strongroom.run("-r", place, "check").expect(0)
