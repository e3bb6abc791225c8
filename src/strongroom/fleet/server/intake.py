"""Taking in reports: verified, put into their chain, kept as sent; many in one transaction.

A report is acknowledged when it is durable. What waits while a transaction runs goes into the next one together, so
that a slow disk costs time and no reports.
"""

from __future__ import annotations

import json
import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import StrongroomError
from strongroom.fleet.protocol.chain import ChainHead, Link, link_of, missing_after, undeclared
from strongroom.fleet.protocol.report import REPORT, HostReport, ReportAnswer, WatchTerms, parse_report
from strongroom.fleet.protocol.signed import Forged, SignedMessage
from strongroom.fleet.server import schema
from strongroom.fleet.server.joining import CLONED, live_host, suspect
from strongroom.fleet.server.watches import LAPTOP_LATE, keep_schedules, note_run

if TYPE_CHECKING:
    from strongroom.fleet.server.state import FleetState

MOST_OFFSET = 10**15
"""Milliseconds: a host may say any time, and a column has 63 bits."""
MOST_GAPS = 64
"""Ranges of missing numbers that are kept of a host; beyond them the rest is one range."""
AT_ONCE = 64
"""Reports in one transaction, at most."""
_STOP = None


class ReportIntake:
    """The one writer of reports of a process. Start it, hand reports to ``submit`` from any thread, close it."""

    def __init__(self, state: FleetState) -> None:
        self._state = state
        self._waiting: queue.Queue[tuple[SignedMessage, Future[ReportAnswer]] | None] = queue.Queue(1000)
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self._thread.start()

    def submit(self, message: SignedMessage) -> Future[ReportAnswer]:
        """Take a report in; the future has the answer once it is durable, or the error why it was not taken."""
        future: Future[ReportAnswer] = Future()
        self._waiting.put((message, future))
        return future

    def close(self) -> None:
        """Take in what waits, and end. Idempotent."""
        self._waiting.put(_STOP)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            batch = [self._waiting.get()]
            while len(batch) < AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get())
            ended = _STOP in batch
            self._take([one for one in batch if one is not None])

    def _take(self, batch: list[tuple[SignedMessage, Future[ReportAnswer]]]) -> None:
        answers: list[tuple[Future[ReportAnswer], ReportAnswer | StrongroomError]] = []
        try:
            with self._state.database.write() as connection:
                now = self._state.now()
                for message, future in batch:
                    try:
                        answers.append((future, take_report(connection, message, now)))
                    except StrongroomError as error:  # nothing of this one was written yet
                        answers.append((future, error))
        except Exception as error:  # every one of them has to hear it
            if len(batch) > 1 and not isinstance(error, StrongroomError):  # a fault over one must not refuse the others
                for one in batch:
                    self._take([one])
                return
            for _, future in batch:
                future.set_exception(error)
            return
        for future, found in answers:
            if isinstance(found, ReportAnswer):
                future.set_result(found)
            else:
                future.set_exception(found)


def take_report(connection: sa.Connection, message: SignedMessage, now: int) -> ReportAnswer:
    """Verify a report, put it into its chain, and move what it moves. Writes nothing when it raises.

    Raises ``Missing``, ``Refused``, ``Forged``, ``Damaged`` or ``LimitExceeded``.
    """
    host = live_host(connection, message)
    message.verify(REPORT, bytes(host.public))
    report = parse_report(message)
    if report.host != host.id:
        raise Forged("the report is about another host than its signer", subject=report.host)
    table = schema.report
    same = sa.select(table.c.sha256).where(table.c.host == host.id, table.c.sequence == report.sequence)
    known = [str(one) for one in connection.execute(same).scalars()]
    sha256 = message.sha256
    head = ChainHead(host.sequence, host.head)
    link = link_of(head, report, sha256, sha256 if sha256 in known else next(iter(known), None))
    if link is not Link.REPEATED:
        row = {"host": host.id, "sequence": report.sequence, "sha256": sha256, "arrived": now}
        connection.execute(table.insert(), row | {"kind": report.kind, "message": message.to_bytes()})
        _link(connection, head, report, link, now)
        if link is not Link.FORK:
            _move(connection, host, report, sha256, now)
    accepted = max(host.sequence, report.sequence)
    return ReportAnswer(accepted, now, _terms(connection, str(host.id), now), ())


def _link(connection: sa.Connection, head: ChainHead, report: HostReport, link: Link, now: int) -> None:
    table = schema.gap
    if link is Link.FORK:
        words = f"two different reports have the number {report.sequence}: one key is on two machines"
        suspect(connection, report.host, CLONED, now, words)
    if link is Link.GAP and (missing := missing_after(head, report)) is not None:
        row = {"host": report.host, "first": missing[0], "last": missing[1], "seen": now}
        connection.execute(table.insert(), row)
    if link is Link.OLD:  # what was missing has come after all
        _fill(connection, report.host, ((report.sequence, report.sequence),), now)
    if report.dropped:
        _fill(connection, report.host, report.dropped, now)


def _fill(connection: sa.Connection, host: str, ranges: tuple[tuple[int, int], ...], now: int) -> None:
    table = schema.gap
    rows = connection.execute(sa.select(table).where(table.c.host == host)).all()
    if not rows:
        return
    seen = min(row.seen for row in rows)
    left = undeclared([(row.first, row.last) for row in rows], ranges)
    if len(left) > MOST_GAPS:  # whoever is host may punch as many holes as it likes, and all wait for this thread
        left = [*left[: MOST_GAPS - 1], (left[MOST_GAPS - 1][0], left[-1][1])]
    connection.execute(table.delete().where(table.c.host == host))
    for first, last in left:
        kept = next((row.seen for row in rows if row.first <= first <= row.last), min(seen, now))
        connection.execute(table.insert(), {"host": host, "first": first, "last": last, "seen": kept})


def _move(connection: sa.Connection, host: Any, report: HostReport, sha256: str, now: int) -> None:
    values: dict[str, Any] = {}
    newest = report.sequence > host.sequence
    if newest:
        values = {
            "sequence": report.sequence,
            "head": sha256,
            "reported": now,
            "clock_offset": max(-MOST_OFFSET, min(MOST_OFFSET, (report.at - now) * 1000)),
            "versions": json.dumps(report.versions),
        }
        connection.execute(schema.host.update().where(schema.host.c.id == host.id).values(**values))
        operators = LAPTOP_LATE if host.profile == "laptop" else None
        for code, words in keep_schedules(connection, host.id, report.schedules, now, operators, {}).items():
            suspect(connection, host.id, code, now, words)
    if report.run is not None and report.kind == "run":
        note_run(connection, host.id, report.run, now)


def _terms(connection: sa.Connection, host: str, now: int) -> tuple[WatchTerms, ...]:
    """What the server keeps for each source: the shortest ``late_after`` and the longest pause of its watches."""
    found: dict[str, WatchTerms] = {}
    for row in connection.execute(sa.select(schema.watch).where(schema.watch.c.host == host)):
        if row.late is None or row.twice is None:
            continue
        late = row.twice - row.late  # which is how long after its due date's predecessor it is late
        before = found.get(row.source, WatchTerms(row.source, late, 0))
        paused = row.paused_until if row.paused_until > now else 0
        found[row.source] = WatchTerms(row.source, min(late, before.late_after), max(paused, before.paused_until))
    return tuple(found.values())
