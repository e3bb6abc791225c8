"""Pin a bucket's settings at the first round, and compare them at each one after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Unsupported, UsageError
from strongroom.custody.drift import schema
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.storage.kinds import versions_of

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Store
    from strongroom.storage.versions.contract import Protection

THING = "bucket"


def check_settings(state: State, lease: Lease, adopted: Adopted, store: Store) -> tuple[str, ...]:
    """What differs from what is pinned, in words; an incident that freezes all deleting while anything does.

    Where nothing is pinned yet, what is there is. A store without versions has no such settings. Raises
    ``Unavailable``.
    """
    try:
        found = members(versions_of(store).protection())
    except Unsupported:
        return ()
    now_ns = state.clock.now_ns()
    with state.writing(lease) as connection:
        text = connection.execute(
            sa.select(schema.pinned.c.settings).where(schema.pinned.c.repository == adopted.id)
        ).scalar_one_or_none()
        if text is None:
            _pin(connection, adopted.id, found, now_ns)
            state.record(connection, "custodian", adopted.id, "pinned the bucket's settings", json.dumps(found))
            return ()
        drifted = _differences(json.loads(text), found)
        if drifted:
            open_incident(connection, adopted.id, Code.DRIFT, THING, "; ".join(drifted), now_ns)
        else:
            close_incident(connection, adopted.id, Code.DRIFT, THING, now_ns)
    return drifted


def accept_settings(state: State, adopted: Adopted, store: Store, who: str, why: str) -> None:
    """Pin the settings as they are now. Raises ``UsageError`` where a store has none, ``Unavailable``."""
    try:
        found = members(versions_of(store).protection())
    except Unsupported as problem:
        raise UsageError(problem.what, subject=adopted.name) from None
    now_ns = state.clock.now_ns()
    with state.database.write() as connection:
        _pin(connection, adopted.id, found, now_ns)
        close_incident(connection, adopted.id, Code.DRIFT, THING, now_ns)
        state.record(connection, who, adopted.id, "accepted the bucket's settings", why)


def members(protection: Protection) -> dict[str, Any]:
    """The settings part by part, as JSON has them."""
    lock = protection.lock
    rules = protection.lifecycle
    return {
        "versioning": protection.versioning.value,
        "lock": [lock.mode, lock.days] if lock is not None else ([] if protection.lock_known else None),
        "lifecycle": None
        if rules is None
        else sorted(
            [rule.identity, rule.enabled, rule.prefix, rule.current_days, rule.noncurrent_days, rule.keep_newer]
            for rule in rules
        ),
        "encryption": protection.encryption,
        "replication": protection.replication,
        "policy": protection.policy,
    }


def _pin(connection: sa.Connection, repository: str, found: dict[str, Any], now_ns: int) -> None:
    connection.execute(schema.pinned.delete().where(schema.pinned.c.repository == repository))
    connection.execute(
        schema.pinned.insert().values(repository=repository, settings=json.dumps(found), pinned_ns=now_ns)
    )


def _differences(pinned: dict[str, Any], found: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{part} was {_shown(pinned.get(part))} and is {_shown(value)}"
        for part, value in found.items()
        if json.dumps(pinned.get(part)) != json.dumps(value)
    )


def _shown(value: Any) -> str:
    if value is None:
        return "not to be seen"
    if value in ("", []):
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
