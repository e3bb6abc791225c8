"""Which log a repository's receipts are in: pinned at adoption, and anew by an operator alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Damaged, UsageError
from strongroom.base.record import record, replace
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident
from strongroom.custody.schemas.evidence import head, pinned_log
from strongroom.database.prepared import prepared
from strongroom.receipts.client.gateway_log import GatewayLog
from strongroom.receipts.log.checkpoint import open_checkpoint
from strongroom.receipts.log.leaf import NO_HASH
from strongroom.receipts.log.note import COSIGNATURE, ED25519, Verifier
from strongroom.storage.rest.url import parse

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State
    from strongroom.storage.options import StoreOptions

LOG, WITNESS = "the gateway's log", "the witness"
"""What incidents of the codes ``log`` and ``witness`` are about."""


@record
class LogPins:
    """A repository's URL at its gateway, the key of the gateway's log, and who countersigns it, if anybody."""

    url: str
    key: str
    witness: str = ""
    witness_key: str = ""


def check_pins(pins: LogPins) -> None:
    """Raise ``UsageError`` for a key of another kind than its place needs, or a witness without one."""
    if bool(pins.witness) != bool(pins.witness_key):
        raise UsageError("a witness needs its URL and its key", hint="Give --witness and --witness-key.")
    for text, algorithm, option in ((pins.key, ED25519, "--log-key"), (pins.witness_key, COSIGNATURE, "--witness-key")):
        if not text:
            continue
        try:
            verifier = Verifier.parse(text)
        except ConfigurationError as problem:
            raise UsageError(f"is no key: {problem.what}", subject=option, hint=problem.hint) from None
        if verifier.algorithm != algorithm:
            raise UsageError("is a key of another kind", subject=option, hint="A log's and a witness's differ.")


def check_log(pins: LogPins, options: StoreOptions) -> None:
    """Ask the gateway once whether its log is signed by this key. Raises ``UsageError``, and as ``GatewayLog``."""
    source = GatewayLog(parse(pins.url.removeprefix("rest:"), options), options)
    try:
        data = source.receipts(-1, 0).head
        if data is not None:
            open_checkpoint(data, Verifier.parse(pins.key))
    except Damaged as problem:
        hint = "`strongroom gateway serve` prints it when it starts."
        raise UsageError(
            f"this key did not sign the gateway's log: {problem.what}", subject="--log-key", hint=hint
        ) from None
    finally:
        source.close()


def pin_log(connection: sa.Connection, repository: str, pins: LogPins, now_ns: int) -> None:
    """Pin a repository's log, from its first receipt on. What was pinned before is replaced, with what was said
    against it."""
    close_incident(connection, repository, Code.LOG, LOG, now_ns)
    connection.execute(pinned_log.delete().where(pinned_log.c.repository == repository))
    connection.execute(head.delete().where(head.c.repository == repository))
    connection.execute(
        pinned_log.insert().values(
            repository=repository,
            url=pins.url,
            key=pins.key,
            witness=pins.witness,
            witness_key=pins.witness_key,
            served="",
            sequence=-1,
            previous=NO_HASH,
            failure="",
            doubted=0,
        )
    )


def pinned(state: State, repository: str) -> Any:
    """The row of a repository's log, or None."""
    with state.database.read() as connection:
        return connection.execute(*_pinned_query(repository)).one_or_none()


def held_pins(state: State, repository: str) -> LogPins | None:
    """A repository's log as it was pinned, or None."""
    row = pinned(state, repository)
    return None if row is None else LogPins(row.url, row.key, row.witness, row.witness_key)


@prepared
def _pinned_query(repository: str) -> sa.Select[Any]:
    return sa.select(pinned_log).where(pinned_log.c.repository == repository)


def is_believed(row: Any) -> bool:
    """Whether the word of a log counts: it is pinned, was asked, and never contradicted itself."""
    return row is not None and not row.doubted and row.head is not None


def accept_log(state: State, adopted: Adopted, key: str, who: str, why: str) -> None:
    """An operator says that a log is to be believed from now on, by this key: it is read anew from its beginning.

    Raises ``UsageError`` where no log was pinned.
    """
    held = held_pins(state, adopted.id)
    if held is None:
        raise UsageError("no log was pinned", subject=adopted.name, hint="`custody change` does it, with --log-key.")
    pins = replace(held, key=key)
    check_pins(pins)
    with state.database.write() as connection:
        pin_log(connection, adopted.id, pins, state.clock.now_ns())
        state.record(connection, who, adopted.id, f"pinned the log's key {key}", why)
