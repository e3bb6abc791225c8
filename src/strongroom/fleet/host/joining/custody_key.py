"""The custodian's key of a repository: made here, sealed to it, and put beside the repository at the gateway.

The key file and the sealed password are kept before either is stored, so that a kill in between makes no second one.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from strongroom.base.errors import Unavailable, UsageError
from strongroom.receipts.client.gateway_log import GatewayLog
from strongroom.repository.keyring import make_key, store_made_key
from strongroom.storage.rest.url import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.fleet.host.joining.asking import Joining
    from strongroom.repository.opened import Repository
    from strongroom.storage.options import StoreOptions

_PATIENCE = 60.0
KEY_USER = "custody"
CHEAP = (1 << 10, 8, 1)
"""scrypt's N, r, p for a password of 256 random bits, which nobody guesses whatever a guess costs."""


def give_custody(
    joining: Joining,
    label: str,
    repository: Repository,
    recipients: tuple[str, ...],
    put: Callable[[str, bytes], None],
) -> str:
    """Give the custodian a key of the repository, unless it has one; the SHA-256 of what was sealed.

    ``put`` stores what is sealed for the key file of this name. Raises ``UsageError`` without age, and what the store
    and ``put`` raise.
    """
    progress = joining.progress
    if label in progress.seals:
        return progress.seals[label]
    if label not in progress.custody:
        password = secrets.token_urlsafe(32).encode()
        file = make_key(repository.key, password, repository.surroundings, username=KEY_USER, scrypt=CHEAP)
        progress.custody[label] = {
            "password": password.decode(),
            "file": file.hex(),
            "sealed": _sealed(password, recipients).hex(),
        }
        joining.save()
    kept = progress.custody[label]
    sealed = bytes.fromhex(kept["sealed"])
    name = store_made_key(repository.store, repository.key, kept["password"].encode(), bytes.fromhex(kept["file"]))
    put(name, sealed)
    progress.seals[label] = hashlib.sha256(sealed).hexdigest()
    joining.save()
    return progress.seals[label]


def _sealed(password: bytes, recipients: tuple[str, ...]) -> bytes:
    try:
        from strongroom.custody.identity import seal  # noqa: PLC0415 -- age is an extra, for hosts with a custodian
    except ImportError:
        hint = "Install Strongroom with its extra `custody`: pip install 'strongroom[custody]'."
        raise UsageError("the custodian's key cannot be sealed without age (pyrage)", hint=hint) from None
    return seal(password, recipients)


def put_at_gateway(url: str, options: StoreOptions) -> Callable[[str, bytes], None]:
    """How something is sealed beside the repository at ``rest:…``."""

    def put(name: str, data: bytes) -> None:
        log = GatewayLog(parse(url.removeprefix("rest:"), options), options)
        end = options.clock.monotonic() + _PATIENCE
        try:
            while True:
                try:
                    log.seal(name, data)
                    return
                except Unavailable:  # the log publishes what it has taken in some seconds later
                    if options.clock.monotonic() >= end:
                        raise
                    options.clock.sleep(1.0)
        finally:
            log.close()

    return put
