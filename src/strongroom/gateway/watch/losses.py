"""The daily look for what went or came behind the gateway's back, and its alarm (S-1).

The store is the truth about what is there, so an object that somebody took away is simply in no list any more. Once a
day the log is compared with the store. What the log has and the store lacks was lost, or taken away by somebody with
access of his own; what the store has without a receipt was planted, or stored by somebody past the gateway. Each is
said on standard error, in the log (leaf ``alarm``), in the metrics, at /health and /.strongroom/v1/status; again when
it changes, until it is there again or an operator has said in the log why (``gateway reconcile``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.clock import monotonic
from strongroom.base.errors import Missing, StrongroomError
from strongroom.base.server_log import LOG
from strongroom.gateway import registry, schema, watch_schema
from strongroom.gateway.comparison import LogDifference, differences
from strongroom.gateway.watch import adoptions
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.database.engine import Database
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.contract import Place
    from strongroom.gateway.places.repository import ServedRepository
    from strongroom.gateway.watch.metrics import Metrics

LOOK_SECONDS = 2.0
EVERY_NS = 86_400 * 10**9
CLAIM_NS = 3600 * 10**9
"""So long a repository is left to the worker that has begun to compare it; then another one may."""
LATEST_NS = EVERY_NS + CLAIM_NS
"""What is due later than this was written by a clock that was ahead, and is due now."""
CONFIRM_SECONDS = 3.0
"""Between a removal and its leaf some time may pass, as between an object and its receipt: then it is asked again."""
CONFIRMED = 1000
"""So many differences are asked about again; with more than these, a few that are on their way do not matter."""
NAMED = 10
"""So many are named in an alarm."""
YOUNG_NS = 3600 * 10**9
"""What has no receipt and is younger may belong to an upload that is not settled yet."""
_CLAIM = (
    "INSERT INTO comparison (repository, path, next_ns, at_ns, lost, unlogged, said)"
    " VALUES (:repository, :path, :until, 0, 0, 0, '') ON CONFLICT (repository)"
    " DO UPDATE SET path = excluded.path, next_ns = excluded.next_ns"
    " WHERE comparison.next_ns <= :now OR comparison.next_ns > :latest"
)


@dataclass(frozen=True, slots=True)
class Compared:
    """What the last comparison of a repository found."""

    path: str
    at_ns: int
    lost: int
    unlogged: int
    said: str
    """In words for people, with some names; empty where nothing differs."""


class LossWatch:
    """The comparisons of one worker; the results of all are in the database."""

    def __init__(self, database: Database, ledger: Ledger, place: Place, metrics: Metrics) -> None:
        self._database = database
        self._ledger = ledger
        self._place = place
        self._metrics = metrics

    def watch(self, stopping: Callable[[], bool]) -> None:
        """Compare what is due, until the worker stops."""
        while not stopping():
            _pause(LOOK_SECONDS, stopping)
            try:
                for repository, path in self._due():
                    if not stopping() and self._claim(repository, path):
                        self._compare_one(repository, path, stopping)
                for one in self.found():
                    self._metrics.compared(one.path, one.lost, one.unlogged)
            except (StrongroomError, OSError) as error:  # a full disk, say: the next look is another try
                LOG.error(f"comparing the log with the store: {error}")

    def found(self) -> list[Compared]:
        """The last comparison of each repository. Raises ``Unavailable``."""
        table = watch_schema.comparison
        query = sa.select(table).where(table.c.at_ns > 0).order_by(table.c.path, table.c.repository)
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return [Compared(row.path, row.at_ns, row.lost, row.unlogged, row.said) for row in rows]

    def _due(self) -> list[tuple[str, str]]:
        """IDs and paths of repositories: a day after they were made, and a day after each comparison."""
        made, table = schema.repository, watch_schema.comparison
        with self._database.read() as connection:
            now = self._database.now_ns(connection)
            due = sa.func.coalesce(table.c.next_ns, made.c.created_ns + EVERY_NS)
            query = (
                sa.select(made.c.id, made.c.path)
                .outerjoin(table, table.c.repository == made.c.id)
                .where(sa.or_(due <= now, due > now + LATEST_NS))
                .order_by(made.c.created_ns)
            )
            return [(row.id, row.path) for row in connection.execute(query)]

    def _claim(self, repository: str, path: str) -> bool:
        """Whether it is for us to compare, of all workers and gateways."""
        with self._database.write() as connection:
            now = self._database.now_ns(connection)
            values = {
                "repository": repository,
                "path": path,
                "until": now + CLAIM_NS,
                "now": now,
                "latest": now + LATEST_NS,
            }
            return connection.execute(sa.text(_CLAIM), values).rowcount == 1

    def _compare_one(self, repository: str, path: str, stopping: Callable[[], bool]) -> None:
        try:
            compared = self.compare(repository, path, stopping)
            if compared is not None:
                self._keep(repository, compared)
        except (StrongroomError, OSError) as error:
            LOG.error(f"{path or '/'}: the log is not compared with the store: {error}")

    def compare(self, repository: str, path: str, stopping: Callable[[], bool]) -> Compared | None:
        """What differs now; ``path`` is where it was made. None when the worker stops meanwhile.

        Raises what the store raises, and ``Unavailable``.
        """
        try:
            place: ServedRepository | None = self._place.by_id(repository)
        except Missing:
            place = None  # with all that it held
        adopting = place is not None and place.state(fresh=True).adopting
        now_ns = self._database.clock_ns()
        counts = {True: 0, False: 0}
        doubtful: list[LogDifference] = []
        for one in differences(self._database, repository, None if place is None else place.store):
            if stopping():
                return None
            if not one.lost and (adopting or abs(now_ns - (one.modified_ns or 0)) < YOUNG_NS):
                continue  # a stamp that is far ahead was made by somebody, and keeps nothing hidden
            counts[one.lost] += 1
            if len(doubtful) < CONFIRMED:
                doubtful.append(one)
        if doubtful:
            _pause(CONFIRM_SECONDS, stopping)
        named: list[LogDifference] = []
        for one in doubtful:
            if stopping():
                return None
            logged = registry.is_logged(self._database, repository, one.name)
            stored = place is not None and place.has(one.name)
            if logged == stored:
                counts[one.lost] -= 1
            else:
                named.append(one)
        label = path if place is None else place.label
        return Compared(label, now_ns, counts[True], counts[False], _words(counts[True], counts[False], named))

    def _keep(self, repository: str, compared: Compared) -> None:
        """Say what is new, first where it stays; then it is remembered. Raises ``Unavailable``."""
        table = watch_schema.comparison
        mine = table.c.repository == repository
        with self._database.read() as connection:
            before = connection.execute(sa.select(table.c.said).where(mine)).scalar()
        if compared.said and compared.said != before:
            self._ledger.record(LeafType.ALARM, repository, detail=compared.said)
            where = compared.path.encode("unicode_escape").decode() or "/"
            LOG.critical(f"{where} ({repository}): {compared.said}")
        with self._database.write() as connection:
            connection.execute(
                table.update()
                .where(mine)
                .values(
                    path=compared.path,
                    next_ns=self._database.now_ns(connection) + EVERY_NS,
                    at_ns=compared.at_ns,
                    lost=compared.lost,
                    unlogged=compared.unlogged,
                    said=compared.said,
                )
            )


def forget(database: Database, repository: str) -> None:
    """An operator has explained what was found: nothing is said of it any more, and all is compared anew in a day."""
    adoptions.forget(database, repository)
    table = watch_schema.comparison
    with database.write() as connection:
        next_ns = database.now_ns(connection) + EVERY_NS
        values = {"next_ns": next_ns, "lost": 0, "unlogged": 0, "said": ""}
        connection.execute(table.update().where(table.c.repository == repository).values(**values))


def _words(lost: int, unlogged: int, named: Sequence[LogDifference]) -> str:
    parts = []
    for count, is_lost, words in (
        (lost, True, "that the log has and the store lacks"),
        (unlogged, False, "that the store has without a receipt"),
    ):
        if count:
            names = [str(one.name) for one in named if one.lost == is_lost][:NAMED]
            more = f", and {count - len(names)} more" if count > len(names) else ""
            parts.append(f"objects {words}: {count} ({', '.join(names)}{more})")
    return "; ".join(parts)


def _pause(seconds: float, stopping: Callable[[], bool]) -> None:
    until = monotonic() + seconds
    while not stopping() and (left := until - monotonic()) > 0:
        time.sleep(min(left, 1.0))
