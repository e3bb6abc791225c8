"""How each repository stands, worst first, and what to do next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.base.sandbox import missing
from strongroom.custody.evidence.words import clock_words, log_words
from strongroom.custody.incidents import ADVICE, FREEZING, Code
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.ledger import Incident, incidents
from strongroom.custody.planning import Plan, open_plans, retired_sources
from strongroom.custody.schema import round_, snapshot, source, stored
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import DAY, GOOD, HOUR

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State

WELL, AWAITED, LATE, FROZEN, BROKEN = "well", "operator awaited", "late", "frozen", "broken"
STATES = (BROKEN, FROZEN, AWAITED, LATE, WELL)
"""The worst first."""
PROMISES = frozenset(
    {
        Code.MISSING,
        Code.DAMAGED,
        Code.LOST,
        Code.UNINDEXED,
        Code.CONFIG,
        Code.OVERDUE,
        Code.UNREADABLE,
        Code.DRILL,
        Code.REPLICA,
    }
)
"""While one of these is open, a promise is broken."""
ROUND_GAP_NS = 26 * HOUR
"""So long after the last round one is late: a daily timer with two hours to spare."""
_ORDER = {code: number for number, code in enumerate(Code)}


@record
class Standing:
    """A line of ``custody status``. Times in nanoseconds since 1970 UTC, None where there was none."""

    name: str
    id: str
    state: str
    last_round_ns: int | None
    last_good_ns: int | None
    objects: int
    unread: int
    oldest_reading_ns: int | None
    verify_by_ns: int
    """By when the object that was read longest ago must have been read again."""
    incidents: tuple[Incident, ...]
    plans: tuple[Plan, ...]
    advice: str
    log: str
    """How its gateway's log stands, in words; empty where none is pinned."""
    reading: str
    """What this machine lacks to shut in the process that parses what hosts wrote; empty where it lacks nothing."""
    clocks: str
    """What clocks agree on, or what to do while they do not; empty before the first round."""


def standings(state: State, now_ns: int) -> list[Standing]:
    """All repositories, worst first."""
    found = [_standing(state, adopted, now_ns) for adopted in state.repositories()]
    return sorted(found, key=lambda one: (STATES.index(one.state), one.name))


def _standing(state: State, adopted: Adopted, now_ns: int) -> Standing:
    open_ones = tuple(incidents(state, adopted.id))
    with state.database.read() as connection:
        last = connection.execute(*_last_query(adopted.id)).one_or_none()
        last_good = connection.execute(*_last_good_query(adopted.id)).scalar_one()
        names = set(connection.execute(*_sources_query(adopted.id)).scalars())
        all_retired = bool(names) and names == retired_sources(connection, adopted.id).keys()
        objects, unread, oldest = connection.execute(*_objects_query(adopted.id)).one()
    failed = last is not None and bool(json.loads(last.outcome).get("failure"))
    codes = {one.code for one in open_ones}
    late = last is None or now_ns - last.ended_ns > ROUND_GAP_NS
    stale = not all_retired and (last_good is None or now_ns - last_good > adopted.policy.rpo_ns)
    if codes & PROMISES or failed:
        standing = BROKEN
    elif codes & FREEZING:
        standing = FROZEN
    elif codes:
        standing = AWAITED
    else:
        standing = LATE if late or stale else WELL
    return Standing(
        adopted.name,
        adopted.id,
        standing,
        None if last is None else last.ended_ns,
        last_good,
        objects,
        unread,
        oldest,
        (oldest or adopted.adopted_ns) + adopted.policy.verify * DAY,
        open_ones,
        tuple(open_plans(state, adopted)),
        _advice(open_ones, adopted, late=late, stale=stale, never=last is None),
        log_words(state, adopted),
        _reading_words(),
        clock_words(state, adopted),
    )


@prepared
def _last_query(repository: str) -> sa.Select[Any]:
    ended = sa.and_(round_.c.repository == repository, round_.c.ended_ns.is_not(None))
    return sa.select(round_).where(ended).order_by(round_.c.number.desc()).limit(1)


@prepared
def _last_good_query(repository: str) -> sa.Select[Any]:
    there = sa.and_(stored.c.repository == repository, stored.c.gone_ns.is_(None))
    return (
        sa.select(sa.func.max(snapshot.c.arrival_ns))
        .select_from(snapshot.join(stored, sa.and_(there, stored.c.name == snapshot.c.id)))
        .where(
            snapshot.c.repository == repository,
            snapshot.c.verdict == GOOD,
            snapshot.c.operator != CONDEMNED,
            stored.c.kind == Kind.SNAPSHOT.value,
            stored.c.fault.is_(None),
        )
    )


@prepared
def _sources_query(repository: str) -> sa.Select[tuple[str]]:
    return sa.select(source.c.name).where(source.c.repository == repository)


@prepared
def _objects_query(repository: str) -> Any:
    unread = sa.func.count().filter(stored.c.verified_ns.is_(None))
    there = sa.and_(stored.c.repository == repository, stored.c.gone_ns.is_(None))
    found: Any = sa.select(sa.func.count(), unread, sa.func.min(stored.c.verified_ns)).where(there)
    return found


def _reading_words() -> str:
    lacks = missing()
    return f"what hosts wrote is read with limits, but without {' and '.join(lacks)}" if lacks else ""


def _advice(open_ones: tuple[Incident, ...], adopted: Adopted, *, late: bool, stale: bool, never: bool) -> str:
    if open_ones:
        severe = (PROMISES, FREEZING, Code)
        worst = min(open_ones, key=lambda one: ([one.code in those for those in severe].index(True), _ORDER[one.code]))
        return ADVICE[worst.code]
    if never:
        return f"No round was made yet: `strongroom custody round {adopted.name}`."
    if late:
        return "No round was made for more than a day: look at the timer that starts them."
    if stale:
        return f"No good snapshot came for more than {adopted.policy.rpo_hours} hours: look at the host."
    return ""
