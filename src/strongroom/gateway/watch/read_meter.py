"""The meter of reads, and its alarm: who reads far more than usual may be somebody who stole a token (X-1).

A host's credentials and its repository's password open all that it ever stored. The gateway cannot tell a restore
from a theft; it can count, and say loudly when a principal reads more in a day than was set for it, or else ten times
its own mean of the last thirty days (never less than ``reads_per_day`` of the server). Said again at each doubling:
on standard error, in the log of receipts (leaf ``alarm``), in the metrics, at /health and /.strongroom/v1/status.
Nothing is refused: on the worst day everything has to be read.
"""

from __future__ import annotations

import collections
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.server_log import LOG
from strongroom.gateway import watch_schema
from strongroom.gateway.access.policy import parse_size
from strongroom.receipts.log.leaf import GATEWAY, LeafType

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.settings import GatewaySettings
    from strongroom.gateway.watch.metrics import Metrics

FACTOR = 10
"""So many times the mean of a principal's days is far more than usual."""
NORM_DAYS = 30
FLUSH_SECONDS = 2.0
DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Excess:
    """Somebody who read too much on a day."""

    principal: str
    bytes: int
    limit: int


class ReadMeter:
    """The reads of one worker, and those of all in the database."""

    def __init__(self, settings: GatewaySettings, database: Database, ledger: Ledger, metrics: Metrics) -> None:
        self._floor = parse_size(settings.reads_per_day, "server.reads_per_day")
        self._database = database
        self._ledger = ledger
        self._metrics = metrics
        self._guard = threading.Lock()
        self._counts: collections.Counter[str] = collections.Counter()
        self._known: dict[str, tuple[str, int | None]] = {}
        self._flushed = 0.0
        self._turn = threading.Lock()
        self._due: list[Excess] = []
        """What is still to be said."""

    def note(self, identity: Caller, count: int) -> None:
        """Count bytes that are about to be sent."""
        with self._guard:
            self._counts[identity.id] += count
            self._known[identity.id] = (identity.name, identity.quota.reads)

    def flush(self, *, ending: bool = False) -> None:
        """Add what was counted to the database, and raise the alarms that are due. Raises ``Unavailable``."""
        with self._turn:
            if ending or self._database.clock.monotonic() >= self._flushed + FLUSH_SECONDS:
                self._flushed = self._database.clock.monotonic()
                self._add_all()
                while self._due:
                    self._alarm(self._due[0])
                    del self._due[0]

    def _add_all(self) -> None:
        with self._guard:
            counts, self._counts = self._counts, collections.Counter()
        if not counts:
            return
        try:
            with self._database.write() as connection:
                found = [self._add(connection, one, count) for one, count in sorted(counts.items())]
        except BaseException:
            with self._guard:
                self._counts.update(counts)
            raise
        self._due += [excess for excess in found if excess is not None]

    def today(self, principal: str) -> int:
        """Bytes that a principal has read on this UTC day."""
        table = watch_schema.reading
        with self._database.read() as connection:
            day = self._database.now_ns(connection) // DAY_NS
            query = sa.select(table.c.bytes).where(table.c.principal == principal, table.c.day == day)
            return int(connection.execute(query).scalar() or 0)

    def alarms(self) -> list[dict[str, object]]:
        """The alarms of today and yesterday: whose, how many bytes."""
        table = watch_schema.reading
        with self._database.read() as connection:
            day = self._database.now_ns(connection) // DAY_NS
            query = sa.select(table).where(table.c.alarms > 0, table.c.day >= day - 1).order_by(table.c.day)
            rows = connection.execute(query).all()
        return [{"principal": row.principal, "day_ns": row.day * DAY_NS, "bytes": row.bytes} for row in rows]

    def _add(self, connection: sa.Connection, principal: str, count: int) -> Excess | None:
        """Add to a principal's day; what is due to be said, if anything."""
        table = watch_schema.reading
        day = self._database.now_ns(connection) // DAY_NS
        text = (
            "INSERT INTO reading (principal, day, bytes, alarms) VALUES (:principal, :day, :count, 0)"
            " ON CONFLICT (principal, day) DO UPDATE SET bytes = reading.bytes + excluded.bytes"
        )
        connection.execute(sa.text(text), {"principal": principal, "day": day, "count": count})
        mine = table.c.principal == principal
        row = connection.execute(sa.select(table).where(mine, table.c.day == day)).one()
        limit = self._limit(connection, principal, day)
        level = (row.bytes // max(1, limit)).bit_length()  # 1 at the limit, 2 at twice the limit, …
        if level <= row.alarms:
            return None
        connection.execute(table.update().where(mine, table.c.day == day).values(alarms=level))
        connection.execute(table.delete().where(mine, table.c.day < day - 2 * NORM_DAYS))
        return Excess(principal, row.bytes, limit)

    def _limit(self, connection: sa.Connection, principal: str, day: int) -> int:
        fixed = self._known.get(principal, ("", None))[1]
        if fixed is not None:
            return fixed
        table = watch_schema.reading
        query = sa.select(sa.func.avg(table.c.bytes)).where(
            table.c.principal == principal, table.c.day < day, table.c.day >= day - NORM_DAYS
        )
        return max(self._floor, FACTOR * int(connection.execute(query).scalar() or 0))

    def _alarm(self, excess: Excess) -> None:
        """Say it, first where it stays; once more at the next flush when that fails. Raises ``Unavailable``."""
        name = self._known.get(excess.principal, ("", None))[0]
        said = f"read {excess.bytes} bytes today, and {excess.limit} are usual or allowed"
        who = name.encode("unicode_escape").decode() or "somebody without a name"
        self._ledger.record(LeafType.ALARM, GATEWAY, principal=excess.principal, detail=said)
        LOG.critical(f"{who} ({excess.principal}) {said}")
        self._metrics.read_alarm(name)
