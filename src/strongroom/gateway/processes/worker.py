"""One worker: a process with a server, a database connection, a committer, a sequencer, and the background work."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from strongroom.base.clock import SystemClock
from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.base.server_log import LOG
from strongroom.database.engine import Database
from strongroom.gateway.access.access import Access
from strongroom.gateway.access.quotas import Quotas
from strongroom.gateway.access.refusals import Refusals
from strongroom.gateway.access.turns import Turns
from strongroom.gateway.handler import Gateway, tick
from strongroom.gateway.http.access_log import AccessLog
from strongroom.gateway.http.connection import Timing
from strongroom.gateway.http.server import Server
from strongroom.gateway.ledger import Ledger
from strongroom.gateway.pages.router import PageRouter
from strongroom.gateway.places.opening import open_place
from strongroom.gateway.processes.restored import take_back
from strongroom.gateway.processes.waiting import WaitingDoor
from strongroom.gateway.recovery import recover
from strongroom.gateway.services import Services
from strongroom.gateway.watch.losses import LossWatch
from strongroom.gateway.watch.metrics import Metrics
from strongroom.gateway.watch.read_meter import ReadMeter
from strongroom.receipts.commit.clock_watch import ClockWatch, kept_by_kernel
from strongroom.receipts.commit.committer import boot_id
from strongroom.receipts.commit.process import RemoteCommitter
from strongroom.receipts.commit.sequencer import Sequencer
from strongroom.receipts.log.note import Verifier
from strongroom.receipts.witness.client import WitnessClient
from strongroom.receipts.witness.countersigning import Countersigning

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from strongroom.base.clock import Clock
    from strongroom.gateway.http.shares import AcceptingShare
    from strongroom.gateway.http.tls import Certificates
    from strongroom.gateway.last_good import LastGoodFiles
    from strongroom.gateway.settings import GatewaySettings
    from strongroom.receipts.commit.process import Commits
    from strongroom.receipts.log.note import Signer


SWITCH_SECONDS = 0.0005
"""A thread that computes gives others their turn after so long: most only wait for a system call, and Python's 5 ms are
as long as several whole requests."""


HANDED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What the parent hands on to its workers."""
SUPERVISED = (*HANDED_ON, signal.SIGCHLD)
"""What the parent waits for; a process that it starts is born with these blocked."""


def build(settings: GatewaySettings, signer: Signer, committer: Commits, last_good: LastGoodFiles) -> Services:
    """The services of one process. Raises ``ConfigurationError`` and whatever the database raises."""
    database = Database(settings.database_url)
    try:
        return _with(database, settings, signer, committer, last_good)
    except BaseException:  # who waits for it tries again and again
        database.close()
        raise


def _with(
    database: Database, settings: GatewaySettings, signer: Signer, committer: Commits, last_good: LastGoodFiles
) -> Services:
    clock = SystemClock()
    access = Access(settings, database, last_good)
    watch = watch_of(settings, database, clock)
    place = open_place(settings, database)
    countersigning = None
    metrics = Metrics(enabled=settings.prometheus)
    ledger = Ledger(database, signer, clock, committer)
    if settings.witness and settings.witness_key:
        client = WitnessClient(settings.witness, Verifier.parse(settings.witness_key))
        countersigning = Countersigning(database, client, clock)
    return Services(
        settings=settings,
        clock=clock,
        database=database,
        ledger=ledger,
        access=access,
        repositories=place,
        quotas=Quotas(settings, database),
        refusals=Refusals(database),
        metrics=metrics,
        access_log=AccessLog(settings.log, settings.log_format),
        sequencer=Sequencer(
            database,
            place.tiles(signer.name),
            signer,
            clock,
            witness=countersigning,
            tail=place.tail(signer.name),
            taking=take_back,
            news=lambda: countersigning.news if countersigning is not None else 0,
        ),
        watch=watch,
        reading=ReadMeter(settings, database, ledger, metrics),
        losses=LossWatch(database, ledger, place, metrics),
        turns=Turns(settings.uploads_per_principal),
        countersigning=countersigning,
    )


def watch_of(settings: GatewaySettings, database: Database, clock: Clock) -> ClockWatch:
    """Who doubts the clock, as the settings say."""
    witness = Verifier.parse(settings.witness_key) if settings.witness and settings.witness_key else None
    kernel = (lambda: None) if settings.clock_kept_outside else kept_by_kernel
    return ClockWatch(database, clock, boot_id(), kernel=kernel, witness=witness)


def run_worker(
    settings: GatewaySettings,
    signer: Signer,
    listeners: Sequence[socket.socket],
    certificates: Certificates | None,
    last_good: LastGoodFiles,
    control: socket.socket,
    share: AcceptingShare,
    *,
    parent: int,
    beyond_loopback: bool,
) -> int:
    """Serve until SIGTERM or SIGINT, or until ``parent`` has gone; SIGHUP reloads.

    ``last_good`` has what files said that do not load now.
    ``control`` leads to the process that commits receipts, ``share`` says when it is this worker's turn to take a
    connection.

    The exit code.
    """
    if certificates is not None:
        certificates.take_over()
    sys.setswitchinterval(SWITCH_SECONDS)
    timing = Timing(slow_rate=settings.slow_rate, slow_span=settings.slow_span)

    def built() -> Services:
        return build(settings, signer, RemoteCommitter(control), last_good)

    try:
        services = built()
    except Unavailable as error:
        door = WaitingDoor(built, error, settings, certificates, parent)
        waited = door.answer(listeners, timing, share, SUPERVISED)
        if waited is None:
            return 0
        services = waited
    services.parent, services.certificates = parent, certificates
    services.metrics.plaintext(beyond_loopback=beyond_loopback and certificates is None)
    gateway = Gateway(services, PageRouter(services))
    server = Server(
        listeners, gateway, certificates=certificates, timing=timing, share=share, crowd=services.access.proxies.crowd
    )

    def stop(_number: int, _frame: object) -> None:
        server.stop()  # takes no lock: a terminal's SIGINT and the parent's SIGTERM may interrupt one another

    def reload(_number: int, _frame: object) -> None:
        threading.Thread(target=_reload, args=(services,), daemon=True).start()

    server.wake_on_signals()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISED)
    services.sequencer.start()
    if services.countersigning is not None:
        services.countersigning.start()
    for work in (
        lambda: tick(services, lambda: server.stopping),
        lambda: recover(services, lambda: server.stopping),
        lambda: services.losses.watch(lambda: server.stopping),
    ):
        threading.Thread(target=work, daemon=True).start()
    server.accept()
    server.wait(settings.drain_seconds)
    return _finish(services)


def _finish(services: Services) -> int:
    """End what is open, each whether or not the others could. The exit code."""
    countersigning = services.countersigning
    steps: list[Callable[[], None]] = [
        lambda: services.reading.flush(ending=True),
        services.ledger.close,
        *([countersigning.close] if countersigning is not None else []),
        services.sequencer.close,
        services.refusals.flush,
        services.repositories.close,
        services.database.close,
    ]
    code = 0
    for step in steps:
        try:
            step()
        except (StrongroomError, OSError) as error:
            LOG.error(f"{error}")
            code = 1
    return code


def _reload(services: Services) -> None:
    """Read each file again, whether or not the others could be: a policy waits for the database, and no more does."""
    steps = [services.access.reload, services.access_log.reopen]
    if services.certificates is not None:
        steps.append(services.certificates.reload)
    for step in steps:
        try:
            step()
        except (StrongroomError, OSError) as error:
            LOG.error(f"reload: {error}")


def exit_worker(code: int) -> None:
    """End a forked worker without running what the parent registered."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
