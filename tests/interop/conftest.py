"""Tests that compare run beside the newest restic and beside Debian's; where the two differ, the newest decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import DebianRestic, Restic


@pytest.fixture(params=[Restic, DebianRestic], ids=lambda kind: kind.name)
def restic(request: pytest.FixtureRequest, home: Path) -> Restic:
    """Each restic in turn."""
    made: Restic = request.param(home)
    return made
