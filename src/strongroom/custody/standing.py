"""How each repository stands, worst first, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import record
from strongroom.base.sandbox import missing
from strongroom.custody.changes.waiting import waiting
from strongroom.custody.drills.opened_by import opened_words
from strongroom.custody.evidence.words import clock_words, log_words
from strongroom.custody.incidents import ADVICE, FREEZING, Code
from strongroom.custody.ledger import Incident
from strongroom.custody.planning import Plan, open_plans
from strongroom.custody.replica.notes import ReplicaRuns, replica_runs
from strongroom.custody.rounds_made.newest import RoundsMade, rounds_made
from strongroom.custody.rounds_made.of_all import facts_of_all
from strongroom.custody.rounds_made.silent import is_old, sources_due
from strongroom.format import rfc3339
from strongroom.retention.guarded import DAY, HOUR

if TYPE_CHECKING:
    from strongroom.custody.rounds_made.of_all import RepositoryFacts
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
    """A line of ``custody status``. Times in nanoseconds since 1970 UTC, None where there was none.

    ``last_round_ns``: when a round last went through, whatever failed since; ``good_due_ns``, ``replica_due_ns``: when
    the next good snapshot of any source, and the next whole run of `replicate`, must have come.
    """

    name: str
    id: str
    state: str
    last_round_ns: int | None
    last_good_ns: int | None
    objects: int
    unread: int
    oldest_reading_ns: int | None
    verify_by_ns: int
    """By when the object that has waited longest must have been read, or read again."""
    good_due_ns: int
    replica_due_ns: int | None
    incidents: tuple[Incident, ...]
    plans: tuple[Plan, ...]
    advice: str
    log: str
    """How its gateway's log stands, in words; empty where none is pinned."""
    reading: str
    """What this machine lacks to shut in the process that parses what hosts wrote; empty where it lacks nothing."""
    clocks: str
    """What clocks agree on, or what to do while they do not; empty before the first round."""
    failure: str
    """Why the newest round did not go through, in words; empty where it did."""
    running: str
    """Since when a round is under way, in words; empty where none is."""
    left: str
    """What the newest round that went through left to the next for want of budget, in words; empty where nothing."""
    replica: str
    """What is wrong with the runs that feed the replica, in words; empty where all is well or there is none."""
    policy: str
    """Which change of the policy waits, in words; empty where none does."""
    opened: str
    """That nobody has opened what was drilled for a quarter of a year, in words; empty where somebody has."""


def standings(state: State, now_ns: int) -> list[Standing]:
    """All repositories, worst first."""
    facts = facts_of_all(state)
    found = [_standing(state, adopted, facts[adopted.id], now_ns) for adopted in state.repositories()]
    return sorted(found, key=lambda one: (STATES.index(one.state), one.name))


def _standing(state: State, adopted: Adopted, facts: RepositoryFacts, now_ns: int) -> Standing:
    open_ones = tuple(facts.incidents)
    last_good = max((int(row.arrival_ns) for row in facts.good), default=None)
    due = sources_due(adopted, facts.good, facts.sources)
    all_retired = bool(facts.sources) and None not in facts.sources.values()
    objects, unread, oldest, turn = facts.objects
    made = facts.made or rounds_made(state, adopted)
    replica = replica_runs(state, adopted) if facts.has_replica else None
    rpo_ns = adopted.policy.rpo_ns
    if not all_retired and not due:
        due = {"": adopted.adopted_ns if last_good is None else last_good}
    silent = sorted(name for name, then_ns in due.items() if is_old(then_ns, rpo_ns, now_ns))
    if last_good is None and not all_retired:
        silent = silent or [""]
    fed_ns = None if replica is None else replica.ran_ns or replica.since_ns
    faults = _Faults(
        failure=made.failure,
        never=made.whole_ns is None,
        late=made.whole_ns is None or is_old(made.whole_ns, ROUND_GAP_NS, now_ns),
        silent=tuple(silent),
        replica=_replica_words(replica, now_ns),
    )
    return Standing(
        adopted.name,
        adopted.id,
        _state(open_ones, faults),
        made.whole_ns,
        last_good,
        objects,
        unread,
        oldest,
        (turn or adopted.adopted_ns) + adopted.policy.verify * DAY,
        min(due.values(), default=now_ns) + rpo_ns,
        None if fed_ns is None else fed_ns + ROUND_GAP_NS,
        open_ones,
        tuple(open_plans(state, adopted)) if facts.has_plans else (),
        _advice(open_ones, adopted, faults),
        log_words(state, adopted) if facts.has_log else "",
        _reading_words(),
        clock_words(state, adopted),
        made.failure,
        _running_words(made),
        made.left,
        faults.replica,
        _policy_words(state, adopted) if facts.has_change else "",
        opened_words(adopted, facts.signed_ns, now_ns),
    )


def _policy_words(state: State, adopted: Adopted) -> str:
    found = waiting(state, adopted.id)
    return "" if found is None else found.words(adopted)


@record
class _Faults:
    """What was not done, or not in time."""

    failure: str
    never: bool
    late: bool
    silent: tuple[str, ...]
    replica: str


def _state(open_ones: tuple[Incident, ...], faults: _Faults) -> str:
    found = BROKEN if faults.failure else state_by_incidents(open_ones)
    return LATE if found == WELL and (faults.late or faults.silent or faults.replica) else found


def state_by_incidents(open_ones: tuple[Incident, ...]) -> str:
    """How a repository stands by what is open alone."""
    codes = {one.code for one in open_ones}
    if codes & PROMISES:
        return BROKEN
    return FROZEN if codes & FREEZING else AWAITED if codes else WELL


def _running_words(made: RoundsMade) -> str:
    if made.running_ns is None:
        return ""
    return f"one is under way since {rfc3339.format_utc(made.running_ns)[:16]}Z; what stands here is of before"


def _replica_words(runs: ReplicaRuns | None, now_ns: int) -> str:
    if runs is None:
        return ""
    if runs.failure:
        return f"`custody replicate` failed: {runs.failure}"
    if is_old(runs.ran_ns or runs.since_ns, ROUND_GAP_NS, now_ns):
        return "no run of `custody replicate` copied all that was to be copied for more than a day"
    return ""


def _reading_words() -> str:
    lacks = missing()
    return f"what hosts wrote is read with limits, but without {' and '.join(lacks)}" if lacks else ""


def _advice(open_ones: tuple[Incident, ...], adopted: Adopted, faults: _Faults) -> str:
    if open_ones:
        severe = (PROMISES, FREEZING, Code)
        worst = min(open_ones, key=lambda one: ([one.code in those for those in severe].index(True), _ORDER[one.code]))
        if worst.code in PROMISES or not faults.failure:
            return ADVICE[worst.code]
    return _advice_of(adopted, faults)


def _advice_of(adopted: Adopted, faults: _Faults) -> str:
    """What to do about what was not done."""
    if faults.failure:
        why = faults.failure.rstrip(".")
        return f"The last round did not go through: {why}. Mend that; `custody round {adopted.name}`."
    if faults.never:
        return f"No round was made yet: `strongroom custody round {adopted.name}`."
    if faults.late:
        return "No round was made for more than a day: look at the timer that starts them."
    if faults.silent:
        of = f" of {', '.join(filter(None, faults.silent[:3]))}" if faults.silent[0] else ""
        hint = f"look at the host, or `custody retire {adopted.name} SOURCE`" if of else "look at the host"
        return f"No good snapshot{of} came for more than {adopted.policy.rpo_hours} hours: {hint}."
    return f"The second copy falls behind: `strongroom custody replicate {adopted.name}`." if faults.replica else ""
