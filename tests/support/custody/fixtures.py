"""A host and its custodian after a first round, and days that pass for both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clock import ManualClock
from tests.support.custody.in_process import DAY, Custody, Host, sound


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at no special moment."""
    return ManualClock(1_800_000_000 * 10**9)


@pytest.fixture
def host(tmp_path: Path, clock: ManualClock) -> Host:
    """A host with a first backup."""
    made = Host(tmp_path / "r", clock)
    made.backup()
    return made


@pytest.fixture
def custody(tmp_path: Path, clock: ManualClock, host: Host) -> Iterator[Custody]:
    """The custodian of its repository, after a first round."""
    made = Custody(host.place, tmp_path / "custodian", clock=clock)
    made.round()
    made.hand_over()
    yield made
    made.close()


def days(custody: Custody, host: Host, count: int, *, look: bool = True) -> list[tuple[int, str, list[str]]]:
    """Days with a backup, a round and what is due each; what went. Each evening all that is listed is whole."""
    went = []
    for _ in range(count):
        custody.clock.advance(DAY / 2)
        host.backup()
        custody.settle()
        custody.clock.advance(DAY / 2)
        custody.round()
        handed = custody.hand_over()
        assert not handed.wrong
        went += [(one.number, one.kind, one.removed) for one in handed.plans if one.removed]
        if look:
            assert sound(custody.place) == []
            assert custody.open_incidents() == []
    return went
