"""kill -9 while the custodian deletes, at ten moments: nothing needed is lost, and the next run finishes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.custody.drills.newest_list import newest_list
from strongroom.storage.repository_files import files_beside
from tests.support.clock import ManualClock
from tests.support.custody.fixtures import days
from tests.support.custody.in_process import DAY, Custody, Host, restores, sound

KILLS = 10


def work(custody: Custody) -> None:
    """A round, and what is due: snapshots and packs on one day."""
    custody.round()
    custody.hand_over()


@pytest.mark.parametrize("prepared", [8, 11], ids=["indexes", "packs"])
def test_a_custodian_that_is_killed_goes_on(tmp_path: Path, prepared: int, histogram: Callable[[str], None]) -> None:
    """Whenever it is killed, all that is listed is whole, no incident is opened for what was meant to go, and another
    run does what the first one did not."""
    clock = ManualClock(1_800_000_000 * 10**9)
    host = Host(tmp_path / "r", clock)
    host.backup()
    custody = Custody(host.place, tmp_path / "home", clock=clock)
    work(custody)
    days(custody, host, prepared, look=False)
    clock.advance(DAY)
    host.backup()
    custody.settle()
    custody.close()
    for part in ("r", "home"):
        shutil.copytree(tmp_path / part, tmp_path / "kept" / part)
    custody.reopen()
    began = time.monotonic()
    work(custody)
    whole = time.monotonic() - began
    custody.close()
    wanted = {kind: custody.names(kind) for kind in ("snapshots", "data")}
    assert wanted["snapshots"] != names(tmp_path / "kept" / "r", "snapshots")
    assert (wanted["data"] < names(tmp_path / "kept" / "r", "data")) == (prepared == 11)
    hit: Counter[str] = Counter()
    chance = random.Random(prepared)
    for number in range(KILLS):
        for part in ("r", "home"):
            shutil.rmtree(tmp_path / part)
            shutil.copytree(tmp_path / "kept" / part, tmp_path / part)
        child = os.fork()
        if child == 0:
            try:
                custody.reopen()
                work(custody)
            finally:
                os._exit(0)  # whatever happens: two would go on with the tests
        time.sleep(whole * (0.4 + 0.6 * (number + chance.random()) / KILLS))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert sound(custody.place) == []
        hit["in the middle" if names(tmp_path / "r", "snapshots") != wanted["snapshots"] else "after"] += 1
        custody.reopen()
        check_list(custody)
        work(custody)
        assert sound(custody.place) == []
        assert custody.open_incidents() == []
        check_list(custody)
        assert custody.names("snapshots") == wanted["snapshots"]
        assert custody.names("data") == wanted["data"]
        for name in wanted["snapshots"]:
            assert restores(custody.place, name, host.files[name])
        custody.close()
    histogram(f"custodian killed before its {'packs' if prepared == 11 else 'indexes'} went: {dict(hit)}")


def check_list(custody: Custody) -> None:
    """The newest list of good snapshots is whole, whoever reads it from the store alone."""
    found = newest_list(files_beside(custody.store()), custody.signer.verifier, custody.adopted.id)
    assert (found.passed, found.doubt) == ((), "")


def names(place: Path, kind: str) -> set[str]:
    """The objects of a kind that are there."""
    return {path.name for path in (place / kind).rglob("*") if path.is_file()}
