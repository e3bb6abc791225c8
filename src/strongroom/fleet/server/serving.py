"""Running the server: one process, one loop for requests, a thread that writes reports and one that judges."""

from __future__ import annotations

import contextlib
import logging
import signal
from asyncio import constants, sslproto
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from strongroom.base.errors import ConfigurationError
from strongroom.base.server_log import LOG
from strongroom.fleet.server.app import FleetApp
from strongroom.fleet.server.channels.delivering import Deliverer
from strongroom.fleet.server.connections import BoundedConnection
from strongroom.fleet.server.door.listening import MOST, listen
from strongroom.fleet.server.evaluating import Evaluator
from strongroom.fleet.server.following.follower import LogFollower

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from strongroom.fleet.server.door.listening import ConnectionPlaces
    from strongroom.fleet.server.following.follower import FollowedGateway
    from strongroom.fleet.server.gateways import EnrollingGateway
    from strongroom.fleet.server.state import FleetState


_READ_AT_ONCE = 32 * 1024
"""Bytes that a TLS connection reads at once. asyncio sets 256 KiB aside for each, also for one that says nothing: a
thousand of those are more than all else that the server needs."""
_HANDSHAKE_SECONDS, _CLOSING_SECONDS = 10.0, 5.0
"""So long TLS may take to begin and to end, for which asyncio gives 60 and 30 seconds."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen, and with which certificate; without one, in plain text."""

    host: str
    port: int
    certificate: str = ""
    key: str = ""


class _Server(uvicorn.Server):
    """uvicorn, for which a signal is the wish to end and no fault, and which then waits for no half request."""

    def __init__(self, config: uvicorn.Config, places: ConnectionPlaces, heed: Callable[[], None]) -> None:
        super().__init__(config)
        self._places = places
        self._heed = heed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in good order what is being answered, and at once what is only waited for."""
        self._places.dismiss()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in good order at SIGTERM and SIGINT; uvicorn itself would raise them once more when it has ended."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self._heed()
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(
    state: FleetState,
    listening: Listening,
    gateways: Sequence[EnrollingGateway],
    evaluator: Evaluator,
    followed: Sequence[FollowedGateway],
    heed: Callable[[], None],
) -> int:
    """Serve until SIGTERM or SIGINT. ``followed``: gateways whose logs are read. ``heed`` raises ``Interrupted`` if a
    signal has come already. Raises ``ConfigurationError`` when it cannot listen."""
    found = listen(listening.host, listening.port)
    app = FleetApp(state, gateways, evaluator)
    BoundedConnection.places = found.places
    config = uvicorn.Config(
        app.starlette,
        http=BoundedConnection,
        loop="asyncio",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=2 * MOST,  # whom the listening socket lets in is answered
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        ssl_certfile=listening.certificate or None,
        ssl_keyfile=listening.key or None,
    )
    try:
        config.load()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the certificate cannot be used: {error}", subject=listening.certificate) from None
    if config.ssl is not None:
        config.ssl.num_tickets = 0  # hosts come once an hour: a session to resume is made for nothing
    sslproto.SSLProtocol.max_size = _READ_AT_ONCE
    constants.SSL_HANDSHAKE_TIMEOUT, constants.SSL_SHUTDOWN_TIMEOUT = _HANDSHAKE_SECONDS, _CLOSING_SECONDS
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # strangers must not fill the log with what they send
    deliverer = Deliverer(state, evaluator.leads)
    follower = LogFollower(state, followed, evaluator.leads)
    evaluator.start()
    deliverer.start()
    follower.start()
    scheme = "https" if listening.certificate else "http"
    LOG.info(f"start fleet server on {scheme}://{found.getsockname()[0]}:{found.getsockname()[1]}")
    try:
        _Server(config, found.places, heed).run(sockets=[found])
    finally:
        app.close()
        follower.close()
        deliverer.close()
        evaluator.close()
        found.close()
    LOG.info("the fleet server has ended")
    return 0
