"""Pin a bucket's settings at the first round, and compare them at each one after it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Unsupported, UsageError
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.schemas import drift as schema
from strongroom.storage.kinds import versions_of
from strongroom.storage.versions.contract import Versioning

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.storage.contract import Store
    from strongroom.storage.versions.contract import Protection

THING = "bucket"


def check_settings(state: State, lease: Lease, adopted: Adopted, store: Store) -> tuple[str, ...]:
    """What differs from what is pinned, in words; an incident that freezes all deleting while anything does.

    Where nothing is pinned yet, what is there is, unless a rule ends what has to stay: that is the incident, until it
    is gone or accepted. A store without versions has no such settings. Raises ``Unavailable``.
    """
    try:
        versions = versions_of(store)
        protection = versions.protection()
    except Unsupported:
        return ()
    found = members(protection)
    now_ns = state.clock.now_ns()
    with state.writing(lease) as connection:
        text = connection.execute(
            sa.select(schema.pinned.c.settings).where(schema.pinned.c.repository == adopted.id)
        ).scalar_one_or_none()
        drifted = unfit(protection, versions.prefix, adopted.policy.expiry) if text is None else ()
        if text is None and not drifted:
            _pin(connection, adopted.id, found, now_ns)
            state.record(connection, "custodian", adopted.id, "pinned the bucket's settings", json.dumps(found))
        elif text is not None:
            pinned = json.loads(text)
            drifted = _differences(pinned, found)
            if not drifted and pinned.keys() != found.keys():  # an older release pinned less
                _pin(connection, adopted.id, found, now_ns)
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


def unfit(protection: Protection, prefix: str, expiry_days: int) -> tuple[str, ...]:
    """The rules that end what is in use, or versions before ``expiry_days``, in words."""
    if protection.versioning is Versioning.OFF:  # there are none that could end
        expiry_days = 0
    said = [
        (rule.identity, words)
        for rule in protection.lifecycle or ()
        for words in (rule.ends_current(prefix), rule.ends_versions(prefix, expiry_days))
    ]
    return tuple(f"the rule `{identity}` {words}" for identity, words in said if words)


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
        "rules": None if rules is None else sorted(rule.whole for rule in rules),
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
    parts = [part for part, value in found.items() if part in pinned and json.dumps(pinned[part]) != json.dumps(value)]
    if "lifecycle" in parts and "rules" in parts:  # the days alone say less
        parts.remove("lifecycle")
    return tuple(f"{part} was {_shown(pinned[part])} and is {_shown(found[part])}" for part in parts)


def _shown(value: Any) -> str:
    if value is None:
        return "not to be seen"
    if value in ("", []):
        return "not set"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
