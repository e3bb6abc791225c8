"""Starting a gateway: what must hold before it serves, then workers that are kept running."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from strongroom.base import server_log
from strongroom.base.errors import ConfigurationError, StrongroomError
from strongroom.base.server_log import LOG
from strongroom.database.engine import Database
from strongroom.database.sqlite import sqlite_file
from strongroom.database.sqlite_file import check_file, remember_closed
from strongroom.gateway.access.access import Access
from strongroom.gateway.access.quotas import tell_of_room
from strongroom.gateway.http.listeners import describe, is_local, open_listeners
from strongroom.gateway.http.tls import Certificates
from strongroom.gateway.last_good import LastGoodFiles
from strongroom.gateway.places.opening import open_place
from strongroom.gateway.processes.checks import check
from strongroom.gateway.processes.in_child import run_in_child
from strongroom.gateway.processes.restored import bring_up
from strongroom.gateway.processes.state import make_folders, open_database, open_signer, origin_of
from strongroom.gateway.processes.supervisor import Supervisor
from strongroom.gateway.watch import metrics
from strongroom.receipts.commit.log_state import ensure_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.gateway.settings import GatewaySettings
    from strongroom.receipts.log.note import Signer


def serve(settings: GatewaySettings, heed: Callable[[], None]) -> int:
    """Serve until SIGTERM or SIGINT. The exit code.

    ``heed`` raises ``Interrupted`` if one has come already; it is asked when no handler can raise that any more.

    Raises ``ConfigurationError``, ``Unsupported`` or ``Unavailable`` before anything is served.
    """
    check(settings)
    server_log.configure(settings.message_format, settings.message_level)
    last_good = LastGoodFiles()
    certificates = _certificates(settings, last_good)
    make_folders(settings)
    file = sqlite_file(settings.database_url)
    if file is not None:
        run_in_child(lambda: check_file(file))
    database = open_database(settings)
    origin = origin_of(settings, database)
    ensure_log(database, origin)
    signer = open_signer(settings, origin)
    database.close()
    run_in_child(lambda: _look(settings, signer))
    access = Access(settings, database, last_good)
    database.close()
    listeners = open_listeners(list(settings.listen))
    beyond = not all(is_local(one) for one in listeners)
    _check_plaintext(settings, certificates, beyond=beyond)
    if not settings.no_auth and not settings.trusted_proxies and not beyond:
        LOG.warning(
            "only this machine can connect, as where a proxy passes requests on, and --trusted-proxies names"
            " none: all clients count as one address, with one budget of wrong passwords"
        )
    for one in access.warnings:
        LOG.warning(f"{one}")
    if settings.prometheus:
        metrics.use_folder(os.path.join(settings.state_folder, "metrics"))
    LOG.info(f"log verifier key: {signer.verifier}")
    supervisor = Supervisor(settings, signer, listeners, certificates, last_good, beyond_loopback=beyond)
    heed()
    for listener in listeners:
        LOG.info(f"start server on {describe(listener)}")
    code = supervisor.supervise()
    if file is not None:
        remember_closed(file)
    return code


def _look(settings: GatewaySettings, signer: Signer) -> None:
    """See that the store is fit, and bring the database up to its log.

    An older copy of the database catches up before it takes receipts, whose chains would else begin anew.
    """
    database = Database(settings.database_url)
    place = open_place(settings, database)
    place.check()
    if os.path.isdir(log := settings.log_folder(signer.name)):  # made with the first tile, never before a bucket
        tell_of_room({"the log's folder": log})
    with contextlib.suppress(StrongroomError):  # the sequencer tries again, and says why it cannot sign
        bring_up(database, place, signer.verifier)
    place.close()
    database.close()


def _certificates(settings: GatewaySettings, last_good: LastGoodFiles) -> Certificates | None:
    if not settings.tls:
        if settings.tls_cert or settings.tls_key:
            raise ConfigurationError("a certificate without TLS", hint="Give --tls, too.")
        return None
    certificate = settings.tls_cert or os.path.join(settings.home, "public_key")
    key = settings.tls_key or os.path.join(settings.home, "private_key")
    return Certificates(certificate, key, minimum=settings.tls_min_ver, last_good=last_good.certificate)


def _check_plaintext(settings: GatewaySettings, certificates: Certificates | None, *, beyond: bool) -> None:
    if certificates is not None or not beyond:
        return
    if settings.config and not settings.allow_plaintext:
        raise ConfigurationError(
            "passwords would travel unencrypted beyond this machine",
            subject=", ".join(settings.listen),
            hint="Give --tls, listen on loopback behind a proxy, or allow it with --allow-plaintext.",
        )
    LOG.warning("without --tls, passwords travel unencrypted beyond this machine")
