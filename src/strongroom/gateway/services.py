"""What the parts of one worker share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.base.errors import StrongroomError
from strongroom.gateway.places.disk import copied
from strongroom.gateway.watch import adoptions
from strongroom.receipts.commit.log_state import read_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.database.engine import Database
    from strongroom.gateway.access.access import Access
    from strongroom.gateway.access.quotas import Quotas
    from strongroom.gateway.access.refusals import Refusals
    from strongroom.gateway.access.turns import Turns
    from strongroom.gateway.http.access_log import AccessLog
    from strongroom.gateway.http.tls import Certificates
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.contract import Place
    from strongroom.gateway.settings import GatewaySettings
    from strongroom.gateway.watch.losses import LossWatch
    from strongroom.gateway.watch.metrics import Metrics
    from strongroom.gateway.watch.read_meter import ReadMeter
    from strongroom.receipts.commit.clock_watch import ClockWatch
    from strongroom.receipts.commit.sequencer import Sequencer
    from strongroom.receipts.witness.countersigning import Countersigning


@dataclass
class Services:
    """All that a worker's code works with."""

    settings: GatewaySettings
    clock: Clock
    database: Database
    ledger: Ledger
    access: Access
    repositories: Place
    quotas: Quotas
    refusals: Refusals
    metrics: Metrics
    access_log: AccessLog
    sequencer: Sequencer
    watch: ClockWatch
    reading: ReadMeter
    losses: LossWatch
    turns: Turns
    countersigning: Countersigning | None = None
    certificates: Certificates | None = None
    parent: int | None = None
    """The process that started this one, which ends when that has gone. Whoever takes orphans in is not always process
    1, and in a container the parent may be process 1."""

    def looks(self) -> dict[str, Callable[[], list[str]]]:
        """By what is asked, how to find out why this gateway is not well, in words for people; empty when it is."""
        return {
            "the database": self._own_problems,
            "the store": self.repositories.problems,
            "the database's list of repositories": self.repositories.away,
        }

    def _own_problems(self) -> list[str]:
        found, failure = [], self.sequencer.failure
        try:
            with self.database.read() as connection:
                now = read_state(connection)
            if now is not None and now.alarm:
                found.append(f"the log is not signed: {now.alarm.splitlines()[0]}")
                failure = failure if failure != now.alarm else None
        except StrongroomError as error:
            found.append(error.what)
        expired = self.certificates.problem(self.clock.now_ns() / 10**9) if self.certificates is not None else ""
        failures = (failure, *self.access.alarms, expired)
        return found + [one.splitlines()[0] for one in failures if one]

    def warnings(self) -> list[str]:
        """What somebody should look at though objects are taken in; names nobody."""
        doubt = self.watch.suspect(self.clock.now_ns())
        expires = self.certificates.warning(self.clock.now_ns() / 10**9) if self.certificates is not None else ""
        said = (doubt, self.access.proxies.warning(), self.access_log.failure, expires)
        found = [words for words in said if words]
        try:
            if self.countersigning is not None and (failure := self.countersigning.failure()):
                found.append(f"the log is not countersigned: {failure.splitlines()[0]}")
            if self.refusals.faults():
                found.append("requests were answered with 500 within the last hour; standard error says why")
            if many := len({one["principal"] for one in self.reading.alarms()}):
                found.append(f"principals that have read far more than usual since yesterday: {many}")
            compared = self.losses.found()
            if lost := sum(one.lost for one in compared):
                found.append(f"objects that the log has and the store lacks: {lost}")
            if unlogged := sum(one.unlogged for one in compared):
                found.append(f"objects that the store has without a receipt: {unlogged}")
            if many := copied.count(self.database):
                found.append(f"folders with the ID of another repository, which they were copied from: {many}")
            if late := adoptions.recent(self.database):
                found.append(f"objects that had come past the gateway and were adopted at its start: {late}")
        except StrongroomError as error:
            found.append(error.what)
        return found
