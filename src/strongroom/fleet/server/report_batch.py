"""Many reports in one transaction: what they touch is read at once, changed in memory, and written at once.

A query for each report costs more than all else about it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Missing, Refused
from strongroom.database.statements import statements_in
from strongroom.fleet.protocol.chain import ChainHead, Link, link_of, missing_after, undeclared
from strongroom.fleet.protocol.report import HostReport, ReportAnswer, WatchTerms
from strongroom.fleet.protocol.signed import Forged
from strongroom.fleet.server.admitting.taking_over import (
    REPLACED,
    TWO_MACHINES,
    TWO_WORDS,
    being_replaced,
    successor,
)
from strongroom.fleet.server.following.begun_runs import BegunRuns
from strongroom.fleet.server.following.places import FollowedPlaces
from strongroom.fleet.server.joining import ASK, CLONED, REVOKED, PlaceTaken, suspect
from strongroom.fleet.server.ownership import KnownRepositories
from strongroom.fleet.server.requests import take_outcomes, waiting_requests
from strongroom.fleet.server.runs import note_run
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.watch_rows import load_watches, write_watches
from strongroom.fleet.server.watches import LAPTOP_LATE, keep_schedules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.fleet.protocol.report import JobRequest
    from strongroom.fleet.protocol.signed import SignedMessage
    from strongroom.fleet.server.watch_rows import HostWatches

MOST_OFFSET = 10**15
"""Milliseconds: a host may say any time, and a column has 63 bits."""
MOST_GAPS = 64
"""Ranges of missing numbers that are kept of a host; beyond them the rest is one range."""
_WRITTEN = ("sequence", "head", "reported", "clock_offset", "versions", "kept")
_OF_HOST = ("id", "name", "profile", "state", *_WRITTEN)
_HOSTS = f"SELECT {', '.join(_OF_HOST)} FROM fleet_host WHERE id IN (*) ORDER BY id"
_UPDATE = f"UPDATE fleet_host SET {', '.join(f'{name} = ?' for name in _WRITTEN)} WHERE id = ?"
NUMBERS = (
    "WITH asked (host, sequence) AS (*) SELECT r.host, r.sequence, r.sha256 FROM asked CROSS JOIN fleet_report r"
    " WHERE r.host = asked.host AND r.sequence = asked.sequence"
)
"""Which reports of some numbers came before."""
_INSERT = "INSERT INTO fleet_report (host, sequence, sha256, arrived, kind, message) VALUES (?, ?, ?, ?, ?, ?)"


class ReportBatch:
    """What these reports touch. ``take`` each, then ``write``, all in the transaction of the connection."""

    def __init__(self, connection: sa.Connection, reports: Sequence[tuple[SignedMessage, HostReport]]) -> None:
        self._connection = connection
        signers = sorted({message.signer for message, _ in reports})
        self._numbers: dict[tuple[str, int], list[str]] = {}
        with statements_in(connection) as sql:
            rows = sql.among(_HOSTS + sql.locking, signers)
            self._hosts = {row[0]: dict(zip(_OF_HOST, row, strict=True)) for row in rows}
            numbers = sorted({(message.signer, report.sequence) for message, report in reports})
            for host, sequence, sha256 in set(sql.among_pairs(NUMBERS, numbers)):
                self._numbers.setdefault((host, sequence), []).append(sha256)
        self._watches = load_watches(connection, signers)
        named = {one.repository_id for _, report in reports if report.run for one in report.run.outcomes}
        kept = {row["repository_id"] for one in self._watches.values() for row in one.rows.values()}
        self._repositories = KnownRepositories(connection, named | kept)
        made = (one.snapshot for _, report in reports if report.run for one in report.run.outcomes if one.snapshot)
        self._places = FollowedPlaces(connection, signers, made)
        self._begun = BegunRuns(connection, signers)
        self._leaving = being_replaced(connection, signers)
        self._requests: dict[str, JobRequest] | None = None
        self._signers = signers
        self._rows: list[tuple[object, ...]] = []
        self._moved: set[str] = set()

    def take(self, message: SignedMessage, report: HostReport, now: int) -> ReportAnswer:
        """Put a verified report into its chain, and move what it moves. Moves nothing of the host when it raises.

        Raises ``Missing``, ``Refused`` or ``Forged``.
        """
        host = self._hosts.get(message.signer)
        if host is None:
            raise Missing("no host with this key has joined", subject=message.signer, hint=ASK)
        if host["state"] == REVOKED:
            raise Refused("this host was revoked", subject=host["name"], hint="An operator may invite it again.")
        if host["state"] == REPLACED:
            if (there := successor(self._connection, host["name"])) is not None:
                suspect(self._connection, there, TWO_MACHINES, now, TWO_WORDS)
            raise PlaceTaken(host["name"])
        if report.host != host["id"]:
            raise Forged("the report is about another host than its signer", subject=report.host)
        known = self._numbers.setdefault((report.host, report.sequence), [])
        sha256 = message.sha256
        head = ChainHead(host["sequence"], host["head"])
        link = link_of(head, report, sha256, sha256 if sha256 in known else next(iter(known), None))
        if link is not Link.REPEATED:
            known.append(sha256)
            data = message.to_bytes()
            self._rows.append((report.host, report.sequence, sha256, now, report.kind, data))
            host["kept"] += len(data)
            self._moved.add(report.host)
            self._link(head, report, link, now)
            if link is not Link.FORK:
                self._move(host, report, sha256, now)
        if report.outcomes and link is not Link.REPEATED:
            take_outcomes(self._connection, report.host, report.outcomes, now)
        if self._requests is None:
            self._requests = waiting_requests(self._connection, self._signers, now)
        request = self._requests.get(report.host)
        asked = () if request is None or request.id in {one.id for one in report.outcomes} else (request,)
        accepted, terms = max(host["sequence"], report.sequence), self._terms(report.host, now)
        return ReportAnswer(accepted, now, terms, asked, report.host in self._leaving)

    def write(self) -> None:
        """Write all of it."""
        with statements_in(self._connection) as sql:
            if self._rows:
                sql.many(_INSERT, self._rows)
            if self._moved:
                hosts = [self._hosts[one] for one in sorted(self._moved)]
                sql.many(_UPDATE, [tuple(one[name] for name in (*_WRITTEN, "id")) for one in hosts])
        write_watches(self._connection, self._watches.values())

    def _link(self, head: ChainHead, report: HostReport, link: Link, now: int) -> None:
        if link is Link.FORK:
            words = f"two different reports have the number {report.sequence}: one key is on two machines"
            suspect(self._connection, report.host, CLONED, now, words)
        if link is Link.GAP and (missing := missing_after(head, report)) is not None:
            _miss(self._connection, report.host, missing, now)
        if link is Link.OLD:  # what was missing has come after all
            _fill(self._connection, report.host, ((report.sequence, report.sequence),), now)
        if report.dropped:
            _fill(self._connection, report.host, report.dropped, now)

    def _move(self, host: dict[str, Any], report: HostReport, sha256: str, now: int) -> None:
        watches = self._watches[report.host]
        refused: dict[str, str] = {}
        if report.sequence > host["sequence"]:
            host |= {
                "sequence": report.sequence,
                "head": sha256,
                "reported": now,
                "clock_offset": max(-MOST_OFFSET, min(MOST_OFFSET, (report.at - now) * 1000)),
                "versions": json.dumps(report.versions),
            }
            operators = LAPTOP_LATE if host["profile"] == "laptop" else None
            refused = keep_schedules(watches, report.schedules, now, operators, {})
        if report.run is not None and report.sequence >= host["sequence"]:
            self._note_run(watches, report, now)
        behind = max(0, -(report.clock_offset or 0)) // 1000  # a clock that is ahead moves nothing beyond now
        if report.run is not None and report.kind == "run":
            refused |= note_run(watches, report.run, now, self._repositories, self._places, behind)
        for code, words in refused.items():
            suspect(self._connection, report.host, code, now, words)

    def _note_run(self, watches: HostWatches, report: HostReport, now: int) -> None:
        """What is begun, and what has ended; of sources alone that are watched."""
        assert report.run is not None
        source = report.run.source
        if not watches.of_source(source):
            return
        if report.kind == "start":
            self._begun.begin(report.host, source, now)
        elif report.kind == "run":
            self._begun.end(report.host, source)

    def _terms(self, host: str, now: int) -> tuple[WatchTerms, ...]:
        """What the server keeps for each source: the shortest ``late_after`` and the longest pause of its watches."""
        found: dict[str, WatchTerms] = {}
        for row in self._watches[host].rows.values():
            if row["late"] is None or row["twice"] is None:
                continue
            source = row["source"]
            late = max(0, row["twice"] - row["late"])  # how long after its due date's predecessor it is late
            before = found.get(source, WatchTerms(source, late, 0))
            paused = row["paused_until"] if row["paused_until"] > now else 0
            found[source] = WatchTerms(source, min(late, before.late_after), max(paused, before.paused_until))
        return tuple(found.values())


def _miss(connection: sa.Connection, host: str, missing: tuple[int, int], now: int) -> None:
    row = {"host": host, "first": missing[0], "last": missing[1], "seen": now}
    connection.execute(schema.gap.insert(), row)
    count = sa.select(sa.func.count()).select_from(schema.gap).where(schema.gap.c.host == host)
    if connection.execute(count).scalar_one() > MOST_GAPS:
        _fill(connection, host, (), now)


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
