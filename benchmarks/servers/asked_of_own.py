"""The same behind the gateway's own server: two workers are not needed here, so it is one process."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.servers.asked import WAIT
from strongroom.gateway.http.answer import Answer
from strongroom.gateway.http.buffers import buffer
from strongroom.gateway.http.listeners import open_listeners
from strongroom.gateway.http.server import Server
from strongroom.gateway.http.tls import Certificates

if TYPE_CHECKING:
    from strongroom.gateway.http.body import Body
    from strongroom.gateway.http.request import Request


class Asked:
    """See ``asked.py``."""

    def handle(self, request: Request, body: Body) -> Answer:
        if request.path == "/refuse":
            return Answer(413)
        if request.path in ("/take", "/wait"):
            if request.path == "/wait":
                time.sleep(WAIT)
            view, total = buffer(), 0
            while count := body.readinto(view):
                total += count
            return Answer(200, str(total).encode())
        return Answer(200, repr({"path": request.path, "raw": request.target, "extensions": ["sendfile"]}).encode())

    def done(self, request: Request | None, answer: Answer, seconds: float, peer: str) -> None:
        """No access log."""


def main() -> None:
    """``ADDRESS [CERTIFICATE KEY]``; SIGHUP loads the certificate again, as in the gateway."""
    certificates = Certificates(*sys.argv[2:4]) if len(sys.argv) > 2 else None
    if certificates is not None:
        signal.signal(signal.SIGHUP, lambda *_: certificates.reload())
    Server(open_listeners([sys.argv[1]]), Asked(), certificates=certificates).accept()


if __name__ == "__main__":
    main()
