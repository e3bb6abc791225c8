"""The gateway's server and signals that come at the worst moment."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from strongroom.gateway.http.listeners import open_listeners
from strongroom.gateway.http.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.gateway.http.answer import Answer
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request


class Nobody:
    """A handler that is never asked."""

    def handle(self, request: Request, body: Body) -> Answer:
        raise AssertionError(request, body)

    def done(self, request: Request | None, answer: Answer, seconds: float, peer: str) -> None:
        raise AssertionError(request, answer, seconds, peer)


@pytest.fixture
def restored() -> Iterator[None]:
    """What the process does with signals is put back afterwards."""
    handler = signal.getsignal(signal.SIGUSR2)
    yield
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGUSR2, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})


@pytest.mark.usefixtures("restored")
def test_a_signal_just_before_the_wait_for_connections_ends_it() -> None:
    """A signal that does not interrupt the wait itself, as one that came a moment before, still ends the server.

    Here another thread takes the signal: the handler is due, and the main thread's wait goes on.
    """
    listeners = open_listeners(["127.0.0.1:0"])
    server = Server(listeners, Nobody())
    signal.signal(signal.SIGUSR2, lambda *_: server.stop())
    server.wake_on_signals()
    late = threading.Event()

    def take() -> None:
        late.wait(0.3)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)

    def give_up() -> None:
        late.set()
        server.stop()

    taker = threading.Thread(target=take)
    taker.start()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    watchdog = threading.Timer(10.0, give_up)
    watchdog.start()
    server.run()
    watchdog.cancel()
    taker.join()
    for listener in listeners:
        listener.close()
    assert not late.is_set(), "the server ended by the watchdog alone"
