"""A worker that waited for its database is, afterwards, as one that did not."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

from strongroom.base.errors import Unavailable
from strongroom.gateway.http.connection import Timing
from strongroom.gateway.http.shares import Shares
from strongroom.gateway.processes.waiting import WaitingDoor
from strongroom.gateway.settings import GatewaySettings

HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def test_waiting_leaves_no_descriptor_open(tmp_path: Path) -> None:
    """What woke it goes with it."""
    settings = GatewaySettings(path=str(tmp_path), listen=("127.0.0.1:0",))
    before = {number: signal.getsignal(number) for number in HEARD}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held = sorted(os.listdir("/proc/self/fd"))
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        try:
            door = WaitingDoor(lambda: "built", Unavailable("away"), settings, None, os.getppid())
            assert door.answer([listening], Timing(), Shares(1).of(0), HEARD) == "built"
            assert sorted(os.listdir("/proc/self/fd")) == held
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
