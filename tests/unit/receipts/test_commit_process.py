"""The one process that commits receipts for all workers."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.base.clock import SystemClock
from strongroom.base.errors import Unavailable
from strongroom.database.engine import Database
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.clock_watch import ClockWatch
from strongroom.receipts.commit.log_state import ensure_log, migrate
from strongroom.receipts.commit.process import CommitProcess, RemoteCommitter, control_pair
from tests.support.logs import ORIGIN, draft
from tests.support.servers.gateway_inside import leaves
from tests.support.servers.gateways import Gateway, name_of
from tests.support.waiting import until


def _fork(work: Callable[[], None]) -> int:
    """Run this in a process of its own; its ID."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def test_all_who_wait_are_answered_and_the_chain_has_no_gap(tmp_path: Path) -> None:
    """Receipts of many threads form one chain; the process ends by itself when nobody can ask any more."""
    url = f"sqlite:///{tmp_path}/log.db"
    database = Database(url)
    migrate(database)
    ensure_log(database, ORIGIN)
    database.close()
    receive, send = control_pair()

    def serve() -> None:
        send.close()
        database, clock = Database(url), SystemClock()
        CommitProcess(receive, database, clock, lambda: ClockWatch(database, clock, "")).commit_receipts()

    process = _fork(serve)
    receive.close()
    committer = RemoteCommitter(send)
    found = []

    def work(thread: int) -> None:
        found.extend([committer.commit(draft(thread * 100 + number)) for number in range(10)])

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = committer.commit(draft(3, unless_present=True))
    committer.close()
    with pytest.raises(Unavailable):
        committer.commit(draft(1))
    send.close()
    assert os.waitpid(process, 0)[1] == 0

    with Database(url).read() as connection:
        rows = connection.execute(sa.select(schema.leaf).order_by(schema.leaf.c.sequence)).all()
    assert [row.sequence for row in rows] == list(range(80))
    assert {row.data for row in rows} == {one.data for one in found}
    assert not again.new
    assert again.data in {one.data for one in found}


def test_a_killed_process_is_replaced(tmp_path: Path) -> None:
    """kill -9 of the committing process: the gateway goes on, what was acknowledged is logged, once."""
    gateway = Gateway(tmp_path, workers=2)
    gateway.start()
    gateway.make()
    acknowledged: list[str] = []
    for number in range(12):
        if number == 4:
            committing = gateway.children()[0]
            os.kill(committing, signal.SIGKILL)
        data = b"pack %d" % number

        def taken(data: bytes = data) -> bool:
            status = gateway.put(f"/web01/data/{name_of(data)}", data)
            assert status in (200, 503)
            return status == 200

        until(taken, gateway.said)
        acknowledged.append(name_of(data))
    assert "the process that commits receipts ended with -9" in gateway.said()
    assert sorted(receipt.name for receipt in leaves(gateway)[1:]) == sorted(acknowledged)
