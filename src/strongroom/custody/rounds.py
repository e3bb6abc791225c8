"""One round over one repository: look, read, compare, judge, plan, read again. Each step may be done twice."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Interrupted, StrongroomError, Unsupported
from strongroom.base.objects import CONFIG
from strongroom.custody.adopting import open_adopted
from strongroom.custody.aside.step import plan_aside
from strongroom.custody.claims import compare_indexes
from strongroom.custody.continuity.newest import Continuity, miss_place
from strongroom.custody.deletion.needed import rescue
from strongroom.custody.deletion.preparing import Preparing
from strongroom.custody.drift.settings import check_settings
from strongroom.custody.evidence.creations import noting
from strongroom.custody.evidence.round import EvidenceRound
from strongroom.custody.healing.step import heal, heal_read, see_healed
from strongroom.custody.healing.wanted import settle
from strongroom.custody.identity import WrongIdentity
from strongroom.custody.incidents import Code
from strongroom.custody.judging.judge import Judge
from strongroom.custody.ledger import incidents, open_incident, set_incident, settle_incident
from strongroom.custody.mark import make_mark
from strongroom.custody.planning import make_plans
from strongroom.custody.reach import look_for_unreached, settle_indexes
from strongroom.custody.rounds_made.outcome import Outcome
from strongroom.custody.rounds_made.overdue import look_for_overdue
from strongroom.custody.schemas.main import round_
from strongroom.custody.spending.budget import Limits, RoundStep, Spending
from strongroom.custody.syncing import look
from strongroom.custody.verifying import verify_again, verify_unread
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from strongroom.base.progress import Reporter
    from strongroom.custody.evidence.outside import Outside
    from strongroom.custody.identity import Identity
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.log.note import Signer
    from strongroom.repository.opened import Repository
    from strongroom.repository.surroundings import Surroundings
    from strongroom.storage.contract import Store

STEP_BACK_NS = 5 * 60 * 10**9
"""How far our own clock may be behind the end of the last round before that is an incident."""
LATE = 1.1
"""Behind the turn by a tenth of W is a broken promise."""


def run_round(
    state: State,
    adopted: Adopted,
    store: Store,
    identity: Identity,
    surroundings: Surroundings,
    reporter: Reporter,
    *,
    holder: str,
    spending: Spending | None = None,
    signer: Signer | None = None,
    outside: Outside | None = None,
    replica: Store | None = None,
) -> Outcome:
    """A whole round. ``outside``: how the log, clocks and witnesses are reached; without it nobody else is asked.

    ``holder`` names this custodian; ``spending`` bounds what it takes; ``replica`` gives back what was lost;
    ``signer``: the judge's key; without one nothing is prepared to go.

    Raises ``Locked`` while another works on it, ``WrongIdentity``. What the store refuses ends the round, is in
    ``failure`` and is an incident; what was found until then stays.
    """
    lease = state.claim(adopted.id, holder)
    outcome = Outcome(adopted.id, adopted.name)
    spending = spending or Spending(Limits(), state.clock)
    store = spending.counted(noting(state, adopted.id, store))
    evidence = EvidenceRound(state, lease, adopted, outside)
    outcome.log = evidence.log.found
    with contextlib.ExitStack() as stack:
        stack.callback(state.release, lease)
        stack.enter_context(evidence.limited())
        _begin(state, lease, outcome)
        try:
            continuity = _continuity(state, lease, adopted, store, identity, signer)
            repository = _opened(state, lease, adopted, store, identity, surroundings)
            if repository is None:  # nothing is believed under another config; a version of ours may come back
                heal(state, lease, adopted, store, replica, outcome.promoted)
                repository = _opened(state, lease, adopted, store, identity, surroundings)
            if continuity is not None and repository is not None:  # where a disk is away no record of ours is gone
                continuity.check()
                outcome.uncovered = continuity.uncovered
            if repository is not None:
                _steps(state, lease, adopted, repository, replica, reporter, outcome, spending, signer, evidence)
            else:
                outcome.failure = "the config is not the one that was adopted"
            if continuity is not None and repository is not None:  # not where a disk is away, or another one is there
                continuity.write()
            settle_incident(state, lease, Code.UNREADABLE, adopted.name)
        except (Interrupted, WrongIdentity):  # a wish to stop says nothing of the repository
            raise
        except StrongroomError as problem:
            outcome.failure = str(problem).replace("\n", " ")
            with state.writing(lease) as connection:
                now_ns = state.clock.now_ns()
                open_incident(connection, adopted.id, Code.UNREADABLE, adopted.name, outcome.failure, now_ns)
        _end(state, lease, outcome)
        outcome.open_ones = incidents(state, adopted.id)
    return outcome


def _continuity(
    state: State, lease: Lease, adopted: Adopted, store: Store, identity: Identity, signer: Signer | None
) -> Continuity | None:
    """The records beside the repository, for a judge that signs; None where there is no place for them."""
    try:
        return None if signer is None else Continuity(state, lease, adopted, store, identity, signer)
    except Unsupported as problem:
        miss_place(state, lease, adopted, problem.what)
        return None


def _begin(state: State, lease: Lease, outcome: Outcome) -> None:
    now_ns = state.clock.now_ns()
    with state.writing(lease) as connection:
        last = connection.execute(*_last_query(outcome.repository)).one_or_none()
        outcome.number = 1 if last is None else last.number + 1
        outcome.began_ns = now_ns
        newest = 0 if last is None else max(last.began_ns, last.ended_ns or 0)
        back = now_ns < newest - STEP_BACK_NS
        words = f"this machine's clock is {(newest - now_ns) // (60 * 10**9)} minutes behind the last round"
        set_incident(connection, outcome.repository, Code.CLOCK, "own clock", words, now_ns, wrong=back)
        text = f"INSERT INTO {round_.name} (repository, number, began_ns, outcome) VALUES (?, ?, ?, ?)"
        state.database.change(connection, text, outcome.repository, outcome.number, now_ns, "{}")


@prepared
def _last_query(repository: str) -> sa.Select[Any]:
    return sa.select(round_).where(round_.c.repository == repository).order_by(round_.c.number.desc()).limit(1)


def _opened(
    state: State,
    lease: Lease,
    adopted: Adopted,
    store: Store,
    identity: Identity,
    surroundings: Surroundings,
) -> Repository | None:
    """The repository; None, with an incident, when its config is not the pinned one."""
    try:
        repository = open_adopted(adopted, store, identity, surroundings)
    except Damaged as problem:
        if not problem.subject.startswith("config"):
            raise
        with state.writing(lease) as connection:
            open_incident(connection, adopted.id, Code.CONFIG, str(CONFIG), problem.what, state.clock.now_ns())
        return None
    settle_incident(state, lease, Code.CONFIG, str(CONFIG))
    return repository


def _steps(
    state: State,
    lease: Lease,
    adopted: Adopted,
    repository: Repository,
    replica: Store | None,
    reporter: Reporter,
    outcome: Outcome,
    spending: Spending,
    signer: Signer | None,
    evidence: EvidenceRound,
) -> None:
    reporter.message(f"{adopted.name}: look at what is there")
    check_settings(state, lease, adopted, repository.store)
    evidence.before(repository.store)
    last_ns = last_look(state, adopted, outcome.number)
    outcome.seen = look(state, lease, adopted, repository.store, last_ns)
    _note_look(state, lease, outcome)
    evidence.after(outcome.seen.new, last_ns)
    heal(state, lease, adopted, repository.store, replica, outcome.promoted)
    see_healed(state, lease, adopted, repository.store, outcome.promoted)

    def count(done: int, total: int) -> None:
        reporter.count("objects", done, total)

    budget = spending.of(RoundStep.READ)
    reporter.message(f"{adopted.name}: read what is new")
    outcome.read = verify_unread(state, lease, repository, budget, count)
    outcome.left.note(budget, unread=outcome.read.left)
    budget = spending.of(RoundStep.READ_AGAIN)
    now_ns = state.clock.now_ns()
    turn_ns = adopted.policy.verify * DAY
    reporter.message(f"{adopted.name}: read again what has waited longest")
    outcome.read_again = verify_again(state, lease, repository, turn_comes_ns(adopted, now_ns), budget, count)
    outcome.left.note(budget, unread_again=outcome.read_again.left)
    faults = [name for name, _ in (*outcome.read.faults, *outcome.read_again.faults)]
    heal_read(state, lease, adopted, repository, replica, faults, outcome.promoted)
    outcome.made_good = settle(state, lease, adopted)
    outcome.liars = compare_indexes(state, lease, repository)
    settle_indexes(state, lease, adopted.id, outcome.seen.missing)
    if signer is not None:
        outcome.obstacle = plan_aside(state, lease, adopted, repository, signer)
    rescue(state, lease, repository, reporter, everything=False)
    reach = look_for_unreached(state, lease, repository, reporter)
    outcome.indexed, outcome.obstacle = reach.written, outcome.obstacle or reach.obstacle
    budget = spending.of(RoundStep.JUDGE)
    judge = Judge(state, lease, adopted, repository, reporter, evidence.unproven(reach.unreached), budget)
    outcome.judged = judge.judge()
    outcome.left.note(budget, unjudged=judge.left)
    now_ns = state.clock.now_ns()
    if signer is None:
        outcome.plans = make_plans(state, lease, adopted, now_ns)
    else:
        outcome.obstacle = outcome.obstacle or make_mark(repository.store, adopted.id, str(signer.verifier))
        preparing = Preparing(state, lease, adopted, repository, signer, reporter)
        outcome.plans = make_plans(state, lease, adopted, now_ns, preparing.weigh)
        outcome.prepared = preparing.prepare()
    look_for_overdue(state, lease, adopted, now_ns - int(turn_ns * LATE))


def turn_comes_ns(adopted: Adopted, now_ns: int) -> int:
    """What was last read before then is read again now, in nanoseconds since 1970 UTC."""
    return now_ns - adopted.policy.verify * DAY * 9 // 10


def _note_look(state: State, lease: Lease, outcome: Outcome) -> None:
    """That all was listed is written down at once: should the rest of the round fail, what comes now is not older."""
    with state.writing(lease) as connection:
        text = f"UPDATE {round_.name} SET looked_ns = ? WHERE repository = ? AND number = ?"
        state.database.change(connection, text, outcome.began_ns, outcome.repository, outcome.number)


def last_look(state: State, adopted: Adopted, number: int) -> int:
    """When the last round that listed all began: what it did not see came later. Before the first, adoption itself."""
    with state.database.read() as connection:
        found = connection.execute(*_looked_query(adopted.id, number)).scalar_one_or_none()
    return adopted.adopted_ns if found is None else int(found)


@prepared
def _looked_query(repository: str, before: int) -> sa.Select[Any]:
    looked = sa.and_(round_.c.repository == repository, round_.c.number < before, round_.c.looked_ns.is_not(None))
    return sa.select(round_.c.looked_ns).where(looked).order_by(round_.c.number.desc()).limit(1)


def _end(state: State, lease: Lease, outcome: Outcome) -> None:
    document = {
        "failure": outcome.failure,
        "objects": outcome.seen.objects,
        "bytes": outcome.seen.bytes,
        "new": len(outcome.seen.new),
        "missing": len(outcome.seen.missing),
        "read": outcome.read.objects + outcome.read_again.objects,
        "read_bytes": outcome.read.bytes + outcome.read_again.bytes,
        "unread": outcome.read.left,
        "judged": len(outcome.judged),
        "left": outcome.left.words(),
    }
    with state.writing(lease) as connection:
        text = f"UPDATE {round_.name} SET ended_ns = ?, outcome = ? WHERE repository = ? AND number = ?"
        ended = (state.clock.now_ns(), json.dumps(document))
        state.database.change(connection, text, *ended, outcome.repository, outcome.number)
