"""How one watch stands, and what of it is an alarm: pure functions of what is known and of the time."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from strongroom.fleet.server.judging.deadlines import NEVER, Deadlines

DAY = 86400
SEEDING = 14 * DAY
"""So long a first upload may take that is seen to go on, in seconds."""
INCOMPLETE_AGAIN = 3
"""So many incomplete backups in a row are an alarm."""

BROKEN = "broken"
"""The kind of what a custodian says of a whole repository: alarmed as its incidents, and not once more a watch."""


class WatchState(enum.Enum):
    """The states of a watch, worst first."""

    SUSPICIOUS = "suspicious"
    """Something contradicts something else: reports that are missing or forked, a snapshot that nobody has seen."""
    FAILED = "failed"
    """The last run failed, or the custodian finds the repository broken: a failed check outranks a good backup."""
    LATE = "late"
    """The due backup did not come in time."""
    INCOMPLETE = "incomplete"
    """The last backup lacks files that could not be read."""
    NEVER = "never"
    """There was no backup yet, and none is late."""
    SEEDING = "seeding"
    """The first one is on its way."""
    PAUSED = "paused"
    OK = "ok"
    RETIRED = "retired"


ORDER = {state: rank for rank, state in enumerate(WatchState)}
"""Ranks by which lists are sorted: the smaller, the worse."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Why a watch is not believed: a code, since when (seconds since 1970), and words."""

    code: str
    since: int
    words: str


@dataclass(frozen=True, slots=True)
class WatchFacts:
    """What is known of a watch. Times are seconds since 1970; None for what never happened."""

    since: int
    deadlines: Deadlines = NEVER
    last_good: int | None = None
    claimed: bool = False
    """Whether the last good backup is the host's word alone."""
    failed_since: int | None = None
    """When the first of the runs failed that failed in a row."""
    retry_at: int | None = None
    """When the host said that it tries again."""
    failure_code: int = 0
    incomplete: int = 0
    """How many backups in a row were incomplete."""
    uploading: int | None = None
    """When an object last arrived, before the first backup."""
    suspicions: tuple[Suspicion, ...] = ()
    paused_until: int = 0
    retired: bool = False
    unscheduled: bool = False
    """Whether it has a schedule that names no date for more than a year, or one that cannot be read."""
    broken_since: int | None = None
    """Since when the custodian finds something missing or damaged in the repository, or does not read it in time."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong with a watch now. ``critical``: somebody should get up for it."""

    kind: str
    critical: bool
    since: int
    words: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a watch stands, since when where that is known, and what of it is an alarm."""

    state: WatchState
    since: int | None
    conditions: tuple[Condition, ...]


def judge(facts: WatchFacts, now: int) -> Judgement:
    """The state at this time, by the order of ``WatchState``.

    A pause hides everything but suspicion. A run that failed and is tried again is failed already, and no alarm yet.
    """
    if facts.retired:
        return Judgement(WatchState.RETIRED, None, ())
    conditions = [Condition(one.code, True, one.since, one.words) for one in facts.suspicions]
    if facts.paused_until <= now:
        conditions += _troubles(facts, now)
    state, since = _state(facts, now)
    return Judgement(state, since, tuple(conditions))


def _state(facts: WatchFacts, now: int) -> tuple[WatchState, int | None]:
    first = WatchState.SEEDING if _is_seeding(facts, now) else WatchState.NEVER
    ranked: tuple[tuple[bool, WatchState, int | None], ...] = (
        (bool(facts.suspicions), WatchState.SUSPICIOUS, min((one.since for one in facts.suspicions), default=None)),
        (facts.paused_until > now, WatchState.PAUSED, None),
        (facts.failed_since is not None, WatchState.FAILED, facts.failed_since),
        (facts.broken_since is not None, WatchState.FAILED, facts.broken_since),
        (_is_late(facts, now), WatchState.LATE, facts.deadlines.late),
        (facts.incomplete > 0, WatchState.INCOMPLETE, facts.last_good),
        (facts.last_good is None, first, facts.since),
    )
    return next(((state, since) for holds, state, since in ranked if holds), (WatchState.OK, facts.last_good))


def _is_seeding(facts: WatchFacts, now: int) -> bool:
    return facts.last_good is None and facts.uploading is not None and now < facts.since + SEEDING


def _is_late(facts: WatchFacts, now: int) -> bool:
    late = facts.deadlines.late
    return late is not None and now > late and not _is_seeding(facts, now)


def _troubles(facts: WatchFacts, now: int) -> list[Condition]:
    found = []
    if _is_late(facts, now):
        begun = facts.deadlines.late
        twice = facts.deadlines.twice is not None and now > facts.deadlines.twice
        words = "no backup has come" if facts.last_good is None else "the due backup did not come"
        found.append(Condition("late", twice, begun or now, f"{words}, twice over" if twice else words))
    if facts.unscheduled:
        words = "its schedule names no date in the year to come, or cannot be read here: nothing of it is ever late"
        found.append(Condition("unscheduled", False, facts.since, words))
    if facts.failed_since is not None and (facts.retry_at is None or now > facts.retry_at + DAY // 24):
        # A retry that was announced and did not come within the hour is no reason to wait on.
        words = f"the backup failed with exit code {facts.failure_code}"
        found.append(Condition("failed", False, facts.failed_since, words))
    if facts.broken_since is not None:
        words = "the custodian finds its repository broken: `strongroom custody incidents` there"
        found.append(Condition(BROKEN, True, facts.broken_since, words))
    if facts.incomplete >= INCOMPLETE_AGAIN:
        words = f"the last {facts.incomplete} backups could not read some files"
        found.append(Condition("incomplete", False, facts.last_good or facts.since, words))
    return found
