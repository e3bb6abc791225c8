"""A worker whose database is away when it begins: it waits, and who asks meanwhile hears so, and why.

It cannot tell who asks, since tokens and principals are in the database: all get 503, which makes clients ask again.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from strongroom.base.errors import ConfigurationError, Unavailable
from strongroom.base.server_log import LOG
from strongroom.gateway.access.proxies import Proxies
from strongroom.gateway.http.answer import Answer, text
from strongroom.gateway.http.server import Server
from strongroom.gateway.http.shares import LastInTurn

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.connection import Timing
    from strongroom.gateway.http.request import Request
    from strongroom.gateway.http.shares import AcceptingShare
    from strongroom.gateway.http.tls import Certificates
    from strongroom.gateway.settings import GatewaySettings

TRY_SECONDS = 1.0
ANSWER_SECONDS = 5.0
"""So long answers that are on their way are waited for when the gateway is stopped. When the database is there they end
in threads of their own: who has connected and not asked yet is answered."""

Built = TypeVar("Built")


class WaitingDoor(Generic[Built]):
    """What a worker is without its database; ``build`` is what needs it, and is tried about once a second."""

    def __init__(
        self,
        build: Callable[[], Built],
        why: Unavailable,
        settings: GatewaySettings,
        certificates: Certificates | None,
        parent: int,
    ) -> None:
        LOG.error(f"a worker waits for the database, and answers 503: {why}")
        self._build = build
        self._why = why.what
        self._certificates = certificates
        self._parent = parent
        self._crowd = Proxies(settings.trusted_proxies).crowd
        self._stopping = False
        self._built: Built | None = None
        self._fault: Exception | None = None

    def answer(
        self,
        listeners: Sequence[socket.socket],
        timing: Timing,
        share: AcceptingShare,
        signals: Sequence[signal.Signals],
    ) -> Built | None:
        """Answer until the database is there; what was built, or None when a signal ended it.

        Call it from the main thread, with ``signals`` blocked; so they are again on return. Raises what ``build``
        raises but ``Unavailable``.
        """
        server = Server(
            listeners,
            self,
            certificates=self._certificates,
            timing=timing,
            share=LastInTurn(share),
            crowd=self._crowd,
        )

        def stop(_number: int, _frame: object) -> None:
            self._stopping = True
            server.stop()

        trying = threading.Thread(target=self._try, args=(server,), daemon=True)
        trying.start()  # born with the signals blocked
        server.wake_on_signals()
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what it asks to be read is read when there is a database
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        server.accept()
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        signal.set_wakeup_fd(-1)
        if self._stopping:
            server.wait(ANSWER_SECONDS)
            return None
        if self._fault is not None:
            raise self._fault
        trying.join()  # it has stopped the server, or does so now
        server.close()
        LOG.info("the database is there: a worker begins")
        return self._built

    def handle(self, request: Request, body: Body) -> Answer:
        """503 for everything."""
        del body
        words = f"the gateway waits for its database: {self._why}"
        if request.path == "/health":
            health = {"ok": False, "problems": [words], "warnings": []}
            return Answer(503, json.dumps(health).encode() + b"\n", {"Content-Type": "application/json"})
        return text(503, words)

    def done(self, request: Request | None, answer: Answer, seconds: float, peer: str) -> None:
        """There is neither a log nor a count yet."""

    def _try(self, server: Server) -> None:
        while not self._stopping:
            time.sleep(TRY_SECONDS)
            if os.getppid() != self._parent:
                os._exit(1)
            self._renew_certificates()
            try:
                self._built = self._build()
                break
            except Unavailable as error:
                self._why = error.what
            except Exception as error:  # whatever it is ends the worker, as it would have at its beginning
                self._fault = error
                break
        server.stop()

    def _renew_certificates(self) -> None:
        if self._certificates is None:
            return
        try:
            self._certificates.reload_if_changed()
        except ConfigurationError as error:
            LOG.error(f"{error}")
