"""Channels that carry nothing: they fail, others changed them, or nobody typed the code of their test message."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.schemas import alerting as schema
from strongroom.fleet.server.sealing import CHANGED, is_sealed

if TYPE_CHECKING:
    from strongroom.fleet.server.judging.unreadable import Readings

GRACE = 3600
"""So long a channel may fail, or wait for its code, in seconds."""
CHANNEL = "channel"
UNPROVEN = "nobody has typed the code of its test message"


def silent_channels(connection: sa.Connection, key: bytes, now: int, readings: Readings) -> list[Wrong]:
    """Those that have carried nothing for an hour, or are not as they were made: who has another one hears of it."""
    found: list[Wrong] = []
    for row in connection.execute(sa.select(schema.channel)):
        found += readings.of(f"channel {row.name}", "", partial(_of, row, key, now), list[Wrong]())
    return found


def working_channels(connection: sa.Connection, key: bytes) -> int:
    """How many carry what is said now."""
    rows = connection.execute(sa.select(schema.channel).where(schema.channel.c.proven.is_not(None))).all()
    return sum(not row.trouble and is_sealed(key, row) for row in rows)


def _of(row: Any, key: bytes, now: int) -> list[Wrong]:
    subject = f"channel {row.name}"
    if not is_sealed(key, row):
        return [Wrong(subject, CHANNEL, "", True, CHANGED)]
    since, _, words = (row.trouble or (f"0 {UNPROVEN}" if row.proven is None else "")).partition(" ")
    if not words or int(since) > now - GRACE:
        return []
    return [Wrong(subject, CHANNEL, "", row.proven is not None, f"carries nothing: {words}")]
