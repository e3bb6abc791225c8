"""Taking in reports: put into their chain, kept as sent; many in one transaction.

A report is verified before it comes here, and acknowledged when it is durable. What waits while a transaction runs goes
into the next one together, so that a slow disk costs time and no reports.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.fleet.protocol.report import REPORT, HostReport, ReportAnswer, parse_report
from strongroom.fleet.protocol.signed import SignedMessage
from strongroom.fleet.server.joining import live_host
from strongroom.fleet.server.report_batch import ReportBatch

if TYPE_CHECKING:
    from strongroom.fleet.server.state import FleetState

AT_ONCE = 256
"""Reports in one transaction, at most."""
MOST_WAITING = 2000
"""Reports that wait for the transaction before theirs to end, at most."""
_STOP = None

_Waiting = tuple[SignedMessage, HostReport, "Future[ReportAnswer]"]


class ReportIntake:
    """The one writer of reports of a process. Start it, hand reports to ``submit`` from any thread, close it."""

    def __init__(self, state: FleetState) -> None:
        self._state = state
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
        self._thread.start()

    def submit(self, message: SignedMessage, report: HostReport | None = None) -> Future[ReportAnswer]:
        """Take in a report that was verified, parsed already or not; the future has the answer once it is durable, or
        the error why it was not taken. Raises ``Unavailable`` when too many wait, ``Damaged`` or ``LimitExceeded``.
        """
        future: Future[ReportAnswer] = Future()
        try:
            self._waiting.put_nowait((message, report or parse_report(message), future))
        except queue.Full:
            raise Unavailable("too many reports wait to be written") from None
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

    def _take(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        answers: list[ReportAnswer | StrongroomError] = []
        try:
            with self._state.database.write() as connection:
                reports = ReportBatch(connection, [(message, report) for message, report, _ in batch])
                now = self._state.now()
                for message, report, _ in batch:
                    try:
                        answers.append(reports.take(message, report, now))
                    except StrongroomError as error:  # nothing of this one was written yet
                        answers.append(error)
                reports.write()
        except Exception as error:  # every one of them has to hear it
            if len(batch) > 1 and not isinstance(error, StrongroomError):  # a fault over one must not refuse the others
                for one in batch:
                    self._take([one])
                return
            for _, _, future in batch:
                future.set_exception(error)
            return
        for (_, _, future), found in zip(batch, answers, strict=True):
            if isinstance(found, ReportAnswer):
                future.set_result(found)
            else:
                future.set_exception(found)


def take_report(connection: sa.Connection, message: SignedMessage, now: int) -> ReportAnswer:
    """Verify one report, put it into its chain, and move what it moves. Writes nothing when it raises.

    Raises ``Missing``, ``Refused``, ``Forged``, ``Damaged`` or ``LimitExceeded``.
    """
    message.verify(REPORT, bytes(live_host(connection, message).public))
    report = parse_report(message)
    batch = ReportBatch(connection, [(message, report)])
    answer = batch.take(message, report, now)
    batch.write()
    return answer
