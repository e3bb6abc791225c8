"""The gateway's processes, signals that come at the worst moment, and parents that go."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING

import pytest

from strongroom.gateway.http.listeners import open_listeners
from strongroom.gateway.http.server import Server
from tests.support.servers.gateways import Gateway
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    watchdog = threading.Timer(60.0, give_up)
    watchdog.start()
    server.accept()
    watchdog.cancel()
    taker.join()
    for listener in listeners:
        listener.close()
    assert not late.is_set(), "the server ended by the watchdog alone"


PR_SET_CHILD_SUBREAPER = 36
"""linux/prctl.h: orphans below the calling process become its children, and not those of process 1."""


@pytest.fixture
def takes_orphans_in() -> Iterator[None]:
    """This process is to orphans what a service manager is."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


@pytest.mark.usefixtures("takes_orphans_in")
def test_all_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """kill -9 of the parent alone: whoever takes the others in, they end by themselves."""
    gateway = Gateway(tmp_path, workers=2)
    gateway.start()
    assert gateway.process is not None
    until(lambda: len(gateway.children()) == 3, gateway.said)
    orphans = gateway.children()
    gateway.process.kill()
    gateway.process.wait()
    for orphan in orphans:
        until(lambda orphan=orphan: os.waitpid(orphan, os.WNOHANG)[0], gateway.said)  # type: ignore[misc]


@pytest.mark.root
def test_a_gateway_that_is_process_1_goes_on(tmp_path: Path) -> None:
    """In a container the parent of the workers is process 1: they do not take themselves for orphans."""
    unshare = ("unshare", "--pid", "--fork", "--kill-child")
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs process namespaces")
    gateway = Gateway(tmp_path)
    gateway.start(wrap=unshare)
    time.sleep(2.5)  # they look each second
    assert gateway.ask("GET", "/health").status == 200
    gateway.stop()
    assert "another one is started" not in gateway.said()
