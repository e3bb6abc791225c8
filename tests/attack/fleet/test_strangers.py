"""The threat catalogue at the fleet's server: row M-5, strangers who take all places."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from pathlib import Path

import pytest

from tests.support.servers.fleets import running
from tests.support.waiting import PATIENCE, kept

LOCKED_OUT = 5.0
"""Seconds: less than a stranger may wait before he loses his place."""
CROWD = {"nothing": 1120, "half a handshake": 1120, "half a request": 40}
HALF = b"POST /fleet/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n"


@pytest.mark.parametrize("says", list(CROWD))
def test_m_5_strangers_lock_no_host_out(tmp_path: Path, says: str) -> None:
    """M-5: 1,120 connections of this machine, or of a proxy on it, that only wait leave others their places; and
    those that wait, also for the rest of a request, delay no stop."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with running(tmp_path) as fleet:
        host, port = fleet.url.removeprefix("https://").split(":")

        def health() -> float:
            begun = time.monotonic()
            connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=PATIENCE)
            connection.request("GET", "/health")
            assert connection.getresponse().status in (200, 503)
            connection.close()
            return time.monotonic() - begun

        def stopped_beside_them() -> float:
            with contextlib.ExitStack() as crowd:
                for number in range(CROWD[says]):
                    connection = crowd.enter_context(socket.socket())
                    connection.bind((f"127.0.0.{2 + number % 2}", 0))
                    connection.settimeout(PATIENCE)
                    connection.connect((host, int(port)))
                    if says == "half a handshake":
                        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100))
                    elif says == "half a request":
                        crowd.enter_context(context.wrap_socket(connection)).sendall(HALF)
                kept(LOCKED_OUT, health)
                begun = time.monotonic()
                fleet.stop()
                took = time.monotonic() - begun
            assert "Traceback" not in (tmp_path / "fleet.err").read_text()
            fleet.start()
            return took

        kept(9, stopped_beside_them)  # of a request that had come whole, ten seconds would be waited for
