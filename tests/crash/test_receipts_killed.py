"""Receipts under kill -9: nothing that was acknowledged is lost, and the log that remains verifies."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.receipts.audit.audit import audit
from strongroom.receipts.audit.log_source import FolderSource
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.log_state import state
from strongroom.receipts.commit.signing_key import load_or_create
from tests.support.logs import ORIGIN, make_log
from tests.support.servers import postgres

ROUNDS = 6
FIRST = 10
"""Receipts of each worker before it may be killed."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        (tmp_path / "log").mkdir()
        yield f"sqlite:///{tmp_path}/log/state.db"
    else:
        with postgres.running() as found:
            yield found


def test_workers_that_are_killed_lose_nothing_that_they_acknowledged(url: str, tmp_path: Path) -> None:
    """Two workers with sequencers on one database are killed at random, again and again; every printed receipt is in
    the log once, within one checkpoint, and the whole log verifies against every head that was ever kept."""
    key = tmp_path / "key"
    log = make_log(tmp_path / "log", url=url, signer=load_or_create(str(key), ORIGIN))
    acknowledged: list[str] = []
    dice = random.Random(7)
    for number in range(ROUNDS):
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.support.receipt_worker", url, str(number * 2 + n), log.tiles, key],
                stdout=subprocess.PIPE,
                cwd=Path(__file__).parents[2],
            )
            for n in range(2)
        ]
        for worker in workers:
            assert worker.stdout is not None
            acknowledged += [worker.stdout.readline().decode().strip() for _ in range(FIRST)]
        time.sleep(dice.uniform(0.05, 0.5))
        for worker in workers:
            worker.kill()
        for worker in workers:
            assert worker.stdout is not None
            with worker.stdout:
                acknowledged += [line for line in worker.stdout.read().decode().split("\n")[:-1] if len(line) == 64]
            worker.wait()
    with log.database.write() as connection:
        connection.execute(schema.lease.delete())  # the dead one's lease need not be waited for here
    log.publish()
    with log.database.read() as connection:
        found = [bytes(one).hex() for one in connection.execute(sa.select(schema.leaf.c.hash)).scalars()]
    assert len(acknowledged) >= ROUNDS * 2 * FIRST
    assert "" not in acknowledged
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found)) == state(log.database).published
    result = audit(FolderSource(str(log.tiles)), key=log.signer.verifier)
    assert result.head.size == len(found)
    log.database.close()
