"""How everything stands: each watch with its judgement, worst first, and all that is wrong, for people and alarms."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.fleet.server.admitting.taking_over import replacements
from strongroom.fleet.server.admitting.waiting import crowds
from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.following.begun_runs import unended_runs
from strongroom.fleet.server.following.clocks import CLOCK, clock_doubt
from strongroom.fleet.server.following.custodians import (
    broken_since,
    current_care,
    kind_of,
    late_care,
    silent_custodians,
)
from strongroom.fleet.server.following.expiry import expiring
from strongroom.fleet.server.following.follower import troubled_logs
from strongroom.fleet.server.following.openings import unopened
from strongroom.fleet.server.following.places import BY_RECEIPTS
from strongroom.fleet.server.following.quotas import used_up
from strongroom.fleet.server.following.receipts import last_uploads, unconfirmed
from strongroom.fleet.server.following.silent_channels import silent_channels
from strongroom.fleet.server.joining import ACTIVE, JOINING, RETIRED, REVOKED
from strongroom.fleet.server.judging.states import BROKEN, ORDER, Judgement, Suspicion, WatchState, judge
from strongroom.fleet.server.judging.unreadable import Readings
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.watch_rows import all_watches
from strongroom.fleet.server.watches import facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    pause_reason: str

    @property
    def deadline(self) -> int | None:
        """From when on the next backup is late; a pause moves it. None where nothing is ever late."""
        return max(self.late or 0, self.paused_until) or None

    @property
    def subject(self) -> str:
        """What alerts call it."""
        return "/".join(str(one) for one in (self.host, self.source, self.repository) if one)


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
    """Judge everything as it is at ``now``, in seconds. What the database holds that makes no sense is an alert, and
    hides nothing else. Raises ``Unavailable``.
    """
    readings = Readings()
    with state.database.read() as connection:
        hosts = connection.execute(sa.select(schema.host)).all()
        watches = all_watches(connection)
        repositories = {row.repository: row for row in connection.execute(current_care())}
        suspicions = _suspicions(connection, repositories, now, readings)
        names = {row.id: str(row.name) for row in hosts if row.state in (JOINING, ACTIVE, RETIRED)}
        revoked = {row.id: str(row.name) for row in hosts if row.state == REVOKED and "~" not in row.name}
        uploads = readings.of("what was uploaded", "", lambda: last_uploads(connection), dict[tuple[str, str], int]())
        doubt = readings.of("this server's clock", "", lambda: clock_doubt(connection, now), None)
        parts: dict[str, Callable[[], list[Wrong]]] = {
            "the custodians": lambda: silent_custodians(connection, now),
            "the logs of gateways": lambda: troubled_logs(connection, now),
            "the keys that were sealed": lambda: unopened(connection, now, readings),
            "the hosts that wait to be let in": lambda: crowds(connection, now),
            "the hosts that are replaced": lambda: replacements(connection),
            "what ends by itself": lambda: expiring(connection, now),
            "the quotas at gateways": lambda: used_up(connection, now),
            "the runs that were begun": lambda: unended_runs(connection, watches, names, uploads, now),
        }
        troubled = silent_channels(connection, state.channels_key, now, readings)
        for part, find in parts.items():
            troubled += readings.of(part, "", find, list[Wrong]())
        troubled += [] if doubt is None else [Wrong("this server's clock", CLOCK, "", True, doubt.words)]
    latest = now if doubt is None else doubt.latest
    watched = {row.host for row in watches}
    for row in hosts:
        troubled += readings.of(row.name, row.name, partial(_unwatched, [row], watched, now), list[Wrong]())
    shown = []
    wrong = [
        Wrong(names[host], one.code, names[host], True, one.words)
        for host, found in suspicions.items()
        for one in found
        if host in names
    ]
    listed = names | revoked  # whoever was shut out is listed as retired, and nothing of it is wrong any more
    for row in watches:
        if row.host not in listed:
            continue
        name, known = listed[row.host], suspicions.get(row.host, ())
        uploaded = uploads.get((row.host, row.repository))
        repository = repositories.get(row.repository_id) if row.repository_id else None
        judged = partial(_judged, row, name, known, uploaded, repository, latest)
        its_watch, its_wrong = readings.of(
            f"{name}/{row.source}/{row.repository}", name, judged, (list[StandingWatch](), list[Wrong]())
        )
        shown += its_watch
        wrong += its_wrong
    for stated in repositories.values():
        troubled += readings.of(f"repository {stated.name}", "", partial(_of_care, stated, now), list[Wrong]())
    shown.sort(key=lambda one: (ORDER[one.judgement.state], one.subject))
    active = sum(row.state == ACTIVE for row in hosts)
    return FleetStanding(tuple(shown), (*wrong, *troubled, *readings.wrong), active, doubt is not None)


def _judged(
    row: Any, host: str, known: tuple[Suspicion, ...], uploaded: int | None, repository: Any, now: int
) -> tuple[list[StandingWatch], list[Wrong]]:
    """A watch, and what is wrong with it."""
    facts = replace(facts_of(row, known, uploaded), broken_since=broken_since(repository))
    watch = _standing_watch(row, host, judge(facts, now), repository)
    codes = {BROKEN, *(one.code for one in known)}  # said of the repository, or of the host, once
    return [watch], [
        Wrong(watch.subject, one.kind, watch.host, one.critical, one.words)
        for one in watch.judgement.conditions
        if one.kind not in codes
    ]


def _of_care(stated: Any, now: int) -> list[Wrong]:
    """What is wrong with a repository in care, as its custodian said it."""
    return late_care([stated], now) + [
        Wrong(f"{stated.name}/{one['code']}/{one['number']}", kind_of(one), "", True, str(one["words"]))
        for one in json.loads(stated.incidents)
    ]


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
        broken_since(repository) if row.failed_since is None else row.failed_since,
        row.due,
        row.late,
        None if repository is None else repository.round_ended,
        None if repository is None else repository.drilled,
        row.bytes_added,
        row.duration,
        row.since,
        row.paused_until,
        row.pause_reason,
    )


def _suspicions(
    connection: sa.Connection, repositories: dict[str, Any], now: int, readings: Readings
) -> dict[str, tuple[Suspicion, ...]]:
    found: dict[str, list[Suspicion]] = {}
    names = {row.id: row.name for row in connection.execute(sa.select(schema.host.c.id, schema.host.c.name))}

    def add(host: str, suspicion: Callable[[], Suspicion | None]) -> None:
        name = names.get(host, host)
        one = readings.of(f"{name}: what makes it suspicious", name, suspicion, None)
        if one is not None:
            found.setdefault(host, []).append(one)

    for row in connection.execute(sa.select(schema.suspicion)):
        add(row.host, partial(_kept, row))
    gaps: dict[str, list[Any]] = {}
    for row in connection.execute(sa.select(schema.gap).where(schema.gap.c.seen <= now - GAP_GRACE)):
        gaps.setdefault(row.host, []).append(row)
    for host, rows in gaps.items():
        add(host, partial(_of_gaps, rows))
    claims: dict[str, list[Any]] = {}
    for row in connection.execute(sa.select(schema.claim)):
        if row.repository in repositories:
            claims.setdefault(row.host, []).append(row)
    for host, rows in claims.items():
        add(host, partial(_of_claims, rows, repositories))
    claimed = partial(unconfirmed, connection, now, RECEIPT_GRACE)
    unlogged = readings.of("what hosts claim", "", claimed, dict[str, list[Any]]())
    for host, rows in unlogged.items():
        words = f"says that it made snapshot {rows[0].snapshot[:8]}, which the log of its gateway does not have"
        found.setdefault(host, []).append(Suspicion(UNLOGGED, min(row.at for row in rows), words))
    return {host: tuple(one) for host, one in found.items()}


def _kept(row: Any) -> Suspicion:
    return Suspicion(row.code, int(row.since), row.words)


def _of_gaps(rows: list[Any]) -> Suspicion:
    count = sum(row.last - row.first + 1 for row in rows)
    words = f"{count} reports are missing, and the host does not say that it dropped them"
    return Suspicion(GAP, min(row.seen for row in rows), words)


def _of_claims(rows: list[Any], repositories: dict[str, Any]) -> Suspicion | None:
    """Of what a host claims in repositories in care, that which three rounds have not found."""
    rounds = {row.repository: repositories[row.repository].round_long_before for row in rows}
    late = [row for row in rows if rounds[row.repository] is not None and row.at < rounds[row.repository]]
    if not late:
        return None
    words = f"says that it made snapshot {late[0].snapshot[:8]}, which the custodian does not find good in 3 rounds"
    return Suspicion(UNSEEN, min(row.at for row in late), words)
