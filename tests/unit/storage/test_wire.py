"""The wire to a server, whose waits have an end."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from strongroom.storage.http.wire import SLOWEST, ClientWire
from strongroom.storage.options import StoreOptions
from strongroom.storage.stopping import Stop
from tests.support.clock import ManualClock


class _Hurrying(ManualClock):
    """Two seconds go by whenever somebody looks."""

    def monotonic(self) -> float:
        self.advance(2.0)
        return super().monotonic()


@pytest.fixture
def ends() -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection."""
    return socket.socketpair()


def test_an_answer_that_drips_has_an_end(ends: tuple[socket.socket, socket.socket]) -> None:
    """A byte before each limit of a wait is not enough: the answer as a whole would never end."""
    ours, theirs = ends
    wire = ClientWire(ours, Stop(StoreOptions(clock=_Hurrying())), timeout=600.0)
    over = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not over.wait(0.002):
                theirs.sendall(b"x")

    peer = threading.Thread(target=drip)
    peer.start()
    try:
        with pytest.raises(TimeoutError):
            while wire.recv_into(bytearray(10)):
                pass
    finally:
        over.set()
        peer.join()
        wire.close()
        theirs.close()


def test_who_reads_slowly_is_not_cut_off(ends: tuple[socket.socket, socket.socket]) -> None:
    """What was waited for counts alone, not the time that the reader took."""
    ours, theirs = ends
    clock = ManualClock()
    wire = ClientWire(ours, Stop(StoreOptions(clock=clock)), timeout=10.0)
    for _ in range(5):
        theirs.sendall(b"x" * SLOWEST)
        assert wire.recv_into(bytearray(SLOWEST)) == SLOWEST
        clock.advance(60.0)
        later = threading.Timer(0.01, theirs.sendall, (b"y",))
        later.start()
        assert wire.recv_into(bytearray(1)) == 1
        later.join()
    wire.close()
    theirs.close()
