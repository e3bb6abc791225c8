"""A judge whose executor stands on a machine of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.custody.fixtures import clock, host
from tests.support.custody.in_process import Custody, Host
from tests.support.custody.two_machines import TwoMachines

__all__ = ["clock", "host"]


@pytest.fixture
def custody(tmp_path: Path, host: Host) -> Iterator[Custody]:
    """The judge after a first round, whose executor stands elsewhere."""
    made = Custody(host.place, tmp_path / "custodian", clock=host.clock)
    made.round()
    yield made
    made.close()


@pytest.fixture
def machines(custody: Custody, tmp_path: Path) -> Iterator[TwoMachines]:
    """The executor's machine after its first look."""
    made = TwoMachines(custody, tmp_path / "executor")
    made.serve()
    yield made
    made.close()
