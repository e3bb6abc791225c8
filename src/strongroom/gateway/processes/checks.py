"""What settings must be before anything is served: a fault that a worker would find is told before there is one."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from strongroom.base import server_log
from strongroom.base.errors import ConfigurationError
from strongroom.gateway.access.policy import parse_size
from strongroom.gateway.access.proxies import Proxies
from strongroom.gateway.http.access_log import open_log
from strongroom.gateway.http.listeners import parse_listen
from strongroom.receipts.log.note import COSIGNATURE, Verifier, check_name

if TYPE_CHECKING:
    from strongroom.gateway.settings import GatewaySettings

MAX_WORKERS = 256
_LEAST = {
    "workers": 1,
    "max_size": 0,
    "spool_bytes": 1,
    "uploads_per_principal": 1,
    "locks_per_principal": 1,
    "keys_per_repository": 1,
    "trash_days": 1,
    "drain_seconds": 0,
    "slow_rate": 0,
    "slow_span": 1,
}
_CHOICES = {
    "tls_min_ver": ("1.2", "1.3"),
    "log_format": ("combined", "json"),
    "message_format": server_log.FORMATS,
    "message_level": tuple(server_log.LEVELS),
}
_HEADER = re.compile(r"[!#$%&'*+.^`|~0-9A-Za-z-]+\Z")
_WITNESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?\Z")


def check(settings: GatewaySettings) -> None:
    """Raise ``ConfigurationError`` for a value that cannot be served with, whichever way it was given."""
    for name, least in _LEAST.items():
        value = getattr(settings, name)
        if not least <= value < float("inf"):
            raise ConfigurationError(f"not a value for this: {value}", subject=name, hint=f"{least} or more")
    if settings.workers > MAX_WORKERS:
        raise ConfigurationError(f"{settings.workers} processes", subject="workers", hint=f"at most {MAX_WORKERS}")
    for name, known in _CHOICES.items():
        if getattr(settings, name) not in known:
            hint = f"one of {', '.join(known)}"
            raise ConfigurationError(f"not a value for this: {getattr(settings, name)}", subject=name, hint=hint)
    for name in ("listen", "trusted_proxies", "store_options"):
        if not all(isinstance(one, str) for one in getattr(settings, name)):
            raise ConfigurationError("a list of texts is due", subject=name)
    if not settings.listen:
        raise ConfigurationError("nowhere to listen", subject="listen")
    for address in settings.listen:
        parse_listen(address)
    parse_size(settings.reads_per_day, "reads_per_day")
    Proxies(settings.trusted_proxies)
    check_name(settings.origin)
    if settings.proxy_auth_username and _HEADER.match(settings.proxy_auth_username) is None:
        raise ConfigurationError("not the name of a header", subject="--proxy-auth-username")
    _check_witness(settings)
    _check_log(settings)


def _check_witness(settings: GatewaySettings) -> None:
    if not settings.witness and not settings.witness_key:
        return
    if not settings.witness or not settings.witness_key:
        raise ConfigurationError("a witness needs its URL and its key", hint="Give --witness and --witness-key.")
    if Verifier.parse(settings.witness_key).algorithm != COSIGNATURE:
        raise ConfigurationError("the key of a log, and a witness has another kind", subject="--witness-key")
    if _WITNESS.match(settings.witness) is None:
        raise ConfigurationError("not a URL: http or https is due", subject=settings.witness)


def _check_log(settings: GatewaySettings) -> None:
    if settings.log is None:
        return
    try:
        os.close(open_log(settings.log))
    except OSError as error:
        raise ConfigurationError(f"the access log cannot be written: {error.strerror}", subject=settings.log) from None
