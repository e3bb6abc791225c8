"""How everything stands: each watch with its judgement, worst first, and all that is wrong, for people and alarms."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.fleet.server import schema
from strongroom.fleet.server.alerting import schema as alerting
from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.following.begun_runs import unended_runs
from strongroom.fleet.server.following.clocks import CLOCK, clock_doubt
from strongroom.fleet.server.following.custodians import current_care, late_care, silent_custodians
from strongroom.fleet.server.following.expiry import expiring
from strongroom.fleet.server.following.follower import troubled_logs
from strongroom.fleet.server.following.openings import unopened
from strongroom.fleet.server.following.places import BY_RECEIPTS
from strongroom.fleet.server.following.receipts import last_uploads, unconfirmed
from strongroom.fleet.server.joining import ACTIVE, JOINING, RETIRED
from strongroom.fleet.server.judging.states import ORDER, Judgement, Suspicion, WatchState, judge
from strongroom.fleet.server.replacing.taking_over import replacements
from strongroom.fleet.server.watch_rows import all_watches
from strongroom.fleet.server.watches import facts_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.fleet.server.state import FleetState

HOUR = 3600
GAP_GRACE = HOUR
"""So long a missing report may still come, in seconds."""
UNSEEN = "unseen"
"""The code of the suspicion that a host says it made a snapshot which the custodian does not find."""
UNLOGGED = "unlogged"
"""The code of the suspicion that a host says it made a snapshot of which there is no receipt."""
RECEIPT_GRACE = HOUR // 4
"""So long a receipt may take, in seconds."""
GAP = "gap"
JOIN_GRACE = HOUR
"""So long joining may take, in seconds."""
UNWATCHED = "unwatched"
"""The kind of the alert that nothing of a host is watched."""
_NOTHING_WRONG = frozenset((WatchState.OK, WatchState.PAUSED, WatchState.RETIRED, WatchState.NEVER, WatchState.SEEDING))


@dataclass(frozen=True, slots=True)
class StandingWatch:
    """A watch, its judgement, and what is known of its repository. Times are seconds since 1970."""

    host: str
    source: str
    repository: str
    judgement: Judgement
    last_good: int | None
    evidence: str
    failed_since: int | None
    due: int | None
    late: int | None
    verified: int | None
    """When the custodian's last round over the repository ended."""
    drilled: int | None
    bytes_added: int
    duration: int
    began: int
    """When it was first named."""
    paused_until: int

    @property
    def deadline(self) -> int | None:
        """From when on the next backup is late; a pause moves it. None where nothing is ever late."""
        return max(self.late or 0, self.paused_until) or None

    @property
    def subject(self) -> str:
        """What alerts call it."""
        return "/".join(filter(None, (self.host, self.source, self.repository)))


@dataclass(frozen=True, slots=True)
class FleetStanding:
    """All watches, worst first; all that is wrong; and how many hosts there are."""

    watches: tuple[StandingWatch, ...]
    wrong: tuple[Wrong, ...]
    hosts: int
    clock_in_doubt: bool = False
    """Whether another clock differs from this server's: what looks well may not be."""

    @property
    def alarming(self) -> bool:
        """Whether anything is as it should not be."""
        return bool(self.wrong) or any(one.judgement.state not in _NOTHING_WRONG for one in self.watches)


def standing(state: FleetState, now: int) -> FleetStanding:
    """Judge everything as it is at ``now``, in seconds. Raises ``Unavailable``."""
    with state.database.read() as connection:
        hosts = connection.execute(sa.select(schema.host)).all()
        watches = all_watches(connection)
        repositories = {row.repository: row for row in connection.execute(current_care())}
        suspicions = _suspicions(connection, repositories, now)
        troubled = (
            _troubled_channels(connection, now) + silent_custodians(connection, now) + troubled_logs(connection, now)
        )
        troubled += unopened(connection, now) + replacements(connection) + expiring(connection, now)
        uploads = last_uploads(connection)
        names = {row.id: row.name for row in hosts if row.state in (JOINING, ACTIVE, RETIRED)}
        troubled += unended_runs(connection, watches, names, uploads, now)
        doubt = clock_doubt(connection, now)
        troubled += [] if doubt is None else [Wrong("this server's clock", CLOCK, "", True, doubt.words)]
    latest = now if doubt is None else doubt.latest
    troubled += _unwatched(hosts, {row.host for row in watches}, now)
    shown = []
    wrong = [
        Wrong(names[host], one.code, names[host], True, one.words)
        for host, found in suspicions.items()
        for one in found
        if host in names
    ]
    for row in watches:
        if row.host not in names:
            continue
        judgement = judge(facts_of(row, suspicions.get(row.host, ()), uploads.get((row.host, row.repository))), latest)
        repository = repositories.get(row.repository_id) if row.repository_id else None
        watch = _standing_watch(row, names[row.host], judgement, repository)
        shown.append(watch)
        codes = {one.code for one in suspicions.get(row.host, ())}  # said of the host, once
        wrong += [
            Wrong(watch.subject, one.kind, watch.host, one.critical, one.words)
            for one in judgement.conditions
            if one.kind not in codes
        ]
    wrong += troubled + late_care(repositories.values(), now)
    for stated in repositories.values():
        for incident in json.loads(stated.incidents):
            subject = f"{stated.name}/{incident['code']}/{incident['number']}"
            wrong.append(Wrong(subject, "incident", "", True, incident["words"]))
    shown.sort(key=lambda one: (ORDER[one.judgement.state], one.subject))
    active = sum(row.state == ACTIVE for row in hosts)
    return FleetStanding(tuple(shown), tuple(wrong), active, doubt is not None)


def _unwatched(hosts: Iterable[Any], watched: set[str], now: int) -> list[Wrong]:
    """Hosts of which nobody would ever hear that no backup came: no watch was made for them."""
    found = []
    for row in hosts:
        name = str(row.name)
        if row.id in watched or row.profile == BY_RECEIPTS or row.replaces or now <= row.joined + JOIN_GRACE:
            continue
        if row.state == JOINING:
            words = f"began to join and never ended: go on there, or `strongroom fleet revoke {name}`"
            found.append(Wrong(name, UNWATCHED, name, False, words))
        elif row.state == ACTIVE:
            words = "has joined and names nothing that it backs up: none of its sources has a schedule"
            found.append(Wrong(name, UNWATCHED, name, False, words))
    return found


def _standing_watch(row: Any, host: str, judgement: Judgement, repository: Any) -> StandingWatch:
    return StandingWatch(
        host,
        row.source,
        row.repository,
        judgement,
        row.last_good,
        row.evidence,
        row.failed_since,
        row.due,
        row.late,
        None if repository is None else repository.round_ended,
        None if repository is None else repository.drilled,
        row.bytes_added,
        row.duration,
        row.since,
        row.paused_until,
    )


def _suspicions(connection: sa.Connection, repositories: dict[str, Any], now: int) -> dict[str, tuple[Suspicion, ...]]:
    found: dict[str, list[Suspicion]] = {}
    for row in connection.execute(sa.select(schema.suspicion)):
        found.setdefault(row.host, []).append(Suspicion(row.code, row.since, row.words))
    gaps: dict[str, list[Any]] = {}
    for row in connection.execute(sa.select(schema.gap).where(schema.gap.c.seen <= now - GAP_GRACE)):
        gaps.setdefault(row.host, []).append(row)
    for host, rows in gaps.items():
        count = sum(row.last - row.first + 1 for row in rows)
        words = f"{count} reports are missing, and the host does not say that it dropped them"
        found.setdefault(host, []).append(Suspicion(GAP, min(row.seen for row in rows), words))
    claims: dict[str, list[Any]] = {}
    for row in connection.execute(sa.select(schema.claim)):
        rounds = repositories.get(row.repository)
        if rounds is not None and rounds.round_long_before is not None and row.at < rounds.round_long_before:
            claims.setdefault(row.host, []).append(row)
    for host, rows in claims.items():
        words = f"says that it made snapshot {rows[0].snapshot[:8]}, which the custodian does not find good in 3 rounds"
        found.setdefault(host, []).append(Suspicion(UNSEEN, min(row.at for row in rows), words))
    for host, rows in unconfirmed(connection, now, RECEIPT_GRACE).items():
        words = f"says that it made snapshot {rows[0].snapshot[:8]}, which the log of its gateway does not have"
        found.setdefault(host, []).append(Suspicion(UNLOGGED, min(row.at for row in rows), words))
    return {host: tuple(one) for host, one in found.items()}


def _troubled_channels(connection: sa.Connection, now: int) -> list[Wrong]:
    """Channels that have failed for an hour: whoever has another one hears of it there."""
    found = []
    for row in connection.execute(sa.select(alerting.channel).where(alerting.channel.c.trouble != "")):
        since, _, words = row.trouble.partition(" ")
        if int(since) <= now - HOUR:
            found.append(Wrong(f"channel {row.name}", "channel", "", True, f"carries nothing: {words}"))
    return found
