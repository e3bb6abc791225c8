"""Counting refusals where a custodian can read them: a stolen token that burns a quota is quiet starvation otherwise.

Counted in memory, written every few seconds by the worker: a refusal must cost less than what it refuses.
"""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.gateway import schema

if TYPE_CHECKING:
    from strongroom.database.engine import Database

FAULTS = ("storage", "internal", "damaged")
"""The reasons that are no client's doing."""
FAULT_NS = 3600 * 10**9


class Refusals:
    """The refusals of one worker, and those of all in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._counts: collections.Counter[tuple[str, str]] = collections.Counter()

    def note(self, principal: str, reason: str) -> None:
        """Count one. ``reason`` is one of a few words of ours, never what a client sent."""
        with self._guard:
            self._counts[(principal, reason)] += 1

    def flush(self) -> None:
        """Add what was counted to the database. Raises ``Unavailable``; nothing is lost then."""
        with self._guard:
            counts, self._counts = self._counts, collections.Counter()
        if not counts:
            return
        text = (
            "INSERT INTO refusal (principal, reason, count, last_ns) VALUES (:principal, :reason, :count, :now)"
            " ON CONFLICT (principal, reason) DO UPDATE SET count = refusal.count + excluded.count,"
            " last_ns = excluded.last_ns"
        )
        try:
            with self._database.write() as connection:
                now = self._database.now_ns(connection)
                rows = [
                    {"principal": principal, "reason": reason, "count": count, "now": now}
                    for (principal, reason), count in sorted(counts.items())
                ]
                connection.execute(sa.text(text), rows)
        except BaseException:
            with self._guard:
                self._counts.update(counts)
            raise

    def faults(self) -> bool:
        """Whether anything was answered with 500 within the last hour, by any worker. Raises ``Unavailable``."""
        table = schema.refusal
        with self._database.read() as connection:
            now = self._database.now_ns(connection)
            query = sa.select(sa.func.max(table.c.last_ns)).where(table.c.reason.in_(FAULTS), table.c.last_ns <= now)
            last = connection.execute(query).scalar_one_or_none()
        return last is not None and last > now - FAULT_NS

    def all(self) -> list[dict[str, object]]:
        """What the database has, by principal's ID and reason."""
        table = schema.refusal
        with self._database.read() as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.principal, table.c.reason)).all()
        return [
            {"principal": row.principal, "reason": row.reason, "count": row.count, "last_ns": row.last_ns}
            for row in rows
        ]
