"""What an operator changes of a repository in care: its policy, and where its receipts are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.redact import redact
from strongroom.custody.evidence.pinning import WITNESS, held_pins, pin_log
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident
from strongroom.custody.policy import CustodyPolicy, adjusted
from strongroom.custody.schemas.evidence import pinned_log
from strongroom.custody.schemas.main import repository

if TYPE_CHECKING:
    import sqlalchemy as sa

    from strongroom.custody.evidence.pinning import LogPins
    from strongroom.custody.state import Adopted, State


def changed_policy(adopted: Adopted, changes: dict[str, int]) -> CustodyPolicy:
    """The policy with other settings. Raises ``ConfigurationError``, and ``UsageError`` for who signs: that is changed
    by signatures of its own."""
    if "operators" in changes:
        hint = f"`custody operator require {adopted.name} NUMBER` does, by the word of as many."
        raise UsageError("is not changed so", subject="operators", hint=hint)
    return adjusted(adopted.policy, changes)


def write_policy(state: State, adopted: Adopted, policy: CustodyPolicy, who: str, what: str, why: str) -> None:
    """Write it down, and in the audit trail. Plans that wait let go only what the new one lets go as well."""
    with state.database.write() as connection:
        connection.execute(repository.update().where(repository.c.id == adopted.id).values(policy=policy.encode()))
        state.record(connection, who, adopted.id, what, why)


def change_log(state: State, adopted: Adopted, pins: LogPins, who: str, why: str) -> None:
    """Pin a log, or another place of the pinned one: with the same key what is proven of it stays."""
    held, now_ns = held_pins(state, adopted.id), state.clock.now_ns()
    with state.database.write() as connection:
        if held is not None and held.key == pins.key:
            _repoint(connection, adopted.id, pins)
        else:
            pin_log(connection, adopted.id, pins, now_ns)
        if not pins.witness:  # no round asks one, so none would close it
            close_incident(connection, adopted.id, Code.WITNESS, WITNESS, now_ns)
        state.record(connection, who, adopted.id, f"pinned the log's key {pins.key} at {redact(pins.url)}", why)


def _repoint(connection: sa.Connection, repository_id: str, pins: LogPins) -> None:
    connection.execute(
        pinned_log.update()
        .where(pinned_log.c.repository == repository_id)
        .values(url=pins.url, witness=pins.witness, witness_key=pins.witness_key)
    )
