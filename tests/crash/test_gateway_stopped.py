"""A gateway whose processes fail while it is stopped."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import time
from typing import TYPE_CHECKING

from tests.support.servers.gateways import Gateway
from tests.support.waiting import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

PACK = "/web01/data/" + 64 * "0"


def test_what_a_stop_could_not_write_down_is_told_by_its_code(tmp_path: Path) -> None:
    """A refusal is counted in the database within a second, and at the end; where that fails the code is 1, in words,
    and all else is ended in good order: what was promised is in the log."""
    gateway = Gateway(tmp_path)
    gateway.start()
    assert gateway.process is not None
    gateway.make()
    with sqlite3.connect(gateway.file.removeprefix("sqlite:///")) as database:
        database.execute("DROP TABLE refusal")
    assert gateway.ask("DELETE", PACK).status == 403
    until(lambda: "no such table: refusal" in gateway.said(), gateway.said)
    time.sleep(2.5)  # it tries again each second, and says so once
    assert gateway.said().count("no such table") == 1
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.process.wait(PATIENCE) == 1
    assert "a worker ended with 1 while the gateway was stopped" in gateway.said()
    assert "Traceback" not in gateway.said()
    assert gateway.rows("SELECT count(*) FROM leaf WHERE position IS NULL") == [(0,)]


def test_a_process_that_is_killed_while_the_gateway_is_stopped_is_told_by_its_code(tmp_path: Path) -> None:
    """Its uploads may have had no answer."""
    gateway = Gateway(tmp_path)
    gateway.start()
    assert gateway.process is not None
    body = b"a pack"
    gateway.make()
    with gateway.connect() as connection:
        connection.sendall(gateway.head("POST", PACK, {"Content-Length": str(len(body))}) + body[:1])
        until(lambda: any((gateway.data / "web01/.strongroom/tmp").glob("gate-*")), gateway.said)
        gateway.process.send_signal(signal.SIGTERM)  # the worker waits for the rest
        worker = gateway.children()[-1]  # the newest, whatever its number
        until(lambda: _refuses(gateway), gateway.said)
        signal.pidfd_send_signal(os.pidfd_open(worker), signal.SIGKILL)
        assert gateway.process.wait(PATIENCE) == 1
    assert "ended with -9 while the gateway was stopped" in gateway.said()


def _refuses(gateway: Gateway) -> bool:
    host, _, port = gateway.address.rpartition(":")
    with socket.socket() as asking:
        asking.settimeout(0.2)
        try:
            asking.connect((host, int(port)))
            asking.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            return not asking.recv(1)
        except OSError:
            return True
