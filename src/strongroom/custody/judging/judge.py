"""From what was read to a verdict on each new snapshot, with its reasons."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from strongroom.base.errors import Damaged, LimitExceeded, Missing
from strongroom.base.record import record
from strongroom.custody.catalogue import Age, age_of, is_unread
from strongroom.custody.judging.canaries import changed
from strongroom.custody.judging.cold.turned import ColdMeasure
from strongroom.custody.judging.giving import NOT_GIVEN, giving
from strongroom.custody.judging.history import GoodOne, Past
from strongroom.custody.judging.lacking import LackingTrees
from strongroom.custody.judging.losses import look_for_losses
from strongroom.custody.judging.measures import Changes, changes
from strongroom.custody.judging.not_given import say_what_was_not_given
from strongroom.custody.judging.places import JudgingPlaces
from strongroom.custody.judging.queue import WaitingSnapshot, in_turn, may_be_hurt, waiting_snapshots
from strongroom.custody.judging.reading import readable_snapshot
from strongroom.custody.judging.rules import suspicions
from strongroom.custody.judging.terms import EVERY_ONE_PROVEN, Before, History, Reason, Subject, Unproven
from strongroom.custody.judging.unusual import FLOORS
from strongroom.custody.judging.verdicts import (
    ACCEPTED,
    BAD,
    CONDEMNED,
    INCOMPLETE,
    PENDING,
    SUSPICIOUS,
    UNLOGGED,
    keep_trees,
    looked_at,
    write_verdict,
)
from strongroom.custody.judging.walking import Walker, counted
from strongroom.custody.judging.whole_trees import WholeTrees
from strongroom.custody.ledger import printable
from strongroom.custody.spending.budget import Budget
from strongroom.format.snapshot import Snapshot
from strongroom.retention.guarded import DAY, GOOD

if TYPE_CHECKING:
    from strongroom.base.progress import Reporter
    from strongroom.custody.judging.whole_trees import Totals
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.repository.opened import Repository

_LONGEST_SOURCE = 300


@record
class Judged:
    """A verdict that was made in this round."""

    id: str
    source: str
    verdict: str
    reasons: tuple[Reason, ...]


def source_of(found: Snapshot) -> str:
    """The name of what a snapshot claims to be of: its host and paths. Two that differ never have one name."""
    paths = ",".join(path.replace("\\", "\\\\").replace(",", "\\,") for path in sorted(found.paths))
    name = f"{found.hostname.replace(':', '%3A')}:{paths}"
    clean = printable(name, _LONGEST_SOURCE)
    if clean == name:
        return name
    whole = json.dumps([found.hostname, sorted(found.paths)]).encode()
    return f"{clean} {hashlib.sha256(whole).hexdigest()[:16]}"


class Judge:
    """Judges the new snapshots of one repository. Reads trees, and believes the catalogue alone."""

    def __init__(
        self,
        state: State,
        lease: Lease,
        adopted: Adopted,
        repository: Repository,
        reporter: Reporter,
        unproven: Unproven = EVERY_ONE_PROVEN,
        budget: Budget | None = None,
    ) -> None:
        """``budget`` bounds how many are judged."""
        self._state = state
        self._lease = lease
        self._adopted = adopted
        self._plain = repository
        self._repository, self._store = giving(repository)
        self._reporter = reporter
        self._unproven = unproven
        self._budget = budget or Budget()
        self.left = 0
        """How many wait for the next round, for want of budget."""
        self._past = Past(state, lease, adopted, self._repository)
        self._places: JudgingPlaces | None = None

    def judge(self) -> list[Judged]:
        """Judge every snapshot that has no verdict yet, or none for good, in the order of their arrival; and, where
        something was lost, all again. The catalogue is loaded where there is something to judge, and else not.
        Snapshots that need what the store does not give are pending; an incident says so, and freezes all deleting."""
        judged = self._judged()
        say_what_was_not_given(self._state, self._lease, self._adopted.id, self._store.refused)
        return judged

    def _judged(self) -> list[Judged]:
        with self._state.database.read() as connection:
            age = age_of(connection, self._adopted.id)
            unread = is_unread(connection, self._adopted.id)
            hurt = may_be_hurt(connection, self._adopted.id, age)
        new = waiting_snapshots(self._state, self._adopted.id, age)
        if not new and not hurt:
            return []
        self._places = JudgingPlaces(self._state, self._adopted.id, snapshots=len(new))
        self._repository.index = self._plain.index = self._places.index
        judged: list[Judged] = []
        if hurt:
            self._places.want_all()
            lost = look_for_losses(self._state, self._lease, self._adopted.id, self._repository, self._reporter, age)
            judged = [Judged(one.id, one.source, BAD, (one.reason,)) for one in lost]
        known = WholeTrees(self._state, self._adopted.id)
        lacking = LackingTrees(self._state, self._adopted.id, self._places.index, self._places)
        walker = Walker(self._repository, known, self._reporter, self._places, lacking)
        same = []
        if self._budget.is_limited:
            new = in_turn(new, self._state.clock.now_ns())
        for number, one in enumerate(new):
            if not self._budget.begin():
                self.left = len(new) - number
                break
            found = readable_snapshot(self._repository, one.id)
            if found is None:
                continue
            if one.incomplete and lacking.of([found.tree]):
                same.append(one.id)
                continue
            verdict = self._judge(one, found, walker, (known, lacking), age, unread=unread)
            judged += [] if verdict is None else [verdict]
        looked_at(self._state, self._lease, self._adopted.id, same, age.generation)
        return judged

    def _judge(
        self,
        one: WaitingSnapshot,
        found: Snapshot,
        walker: Walker,
        kept: tuple[WholeTrees, LackingTrees],
        age: Age,
        *,
        unread: bool,
    ) -> Judged | None:
        refusals = self._store.refusals
        walker.walk([found.tree])
        self._keep_trees(walker, *kept)
        totals = walker.totals(found.tree)
        waits = walker.is_unsure(found.tree) or one.id in self._unproven.waiting
        if waits and one.verdict == BAD:  # it lost something, and stays so
            return None
        if (totals is None and unread and one.verdict != BAD) or waits:
            return self._write(one, found, PENDING, (), {}, age, whole=False)
        name = source_of(found)
        source = self._past.source(name, one.arrival_ns, adopted=not one.dated)
        past = self._past.good(name, one.id, one.arrival_ns)
        history = self._past.history(source, past, one.id, one.arrival_ns)
        measures, difference = self._measures(found, past, history, totals)
        if measures:
            looking = ColdMeasure(self._repository, self._plain, self._places, self._adopted.policy.detection * DAY)
            measures |= looking.measure(past, one.arrival_ns, found.tree, measures["files"])
        try:
            canaries = [] if totals is None else changed(self._repository, found.tree, source.settings.canaries)
        except Missing as problem:
            if problem.what != NOT_GIVEN:
                raise
        if self._store.refusals > refusals:  # what it is compared with was not given
            return self._write(one, found, PENDING, (), {}, age, whole=False)
        subject = Subject(
            found.time_ns,
            one.arrival_ns,
            one.earliest_ns,
            one.dated,
            found.parent,
            found.program_version,
            measures,
            difference.removed_by_extension,
            difference.new_by_extension,
            totals is not None,
            source.accepted,
            canaries,
            difference.left_out,
        )
        reasons = suspicions(subject, history)
        if totals is None:
            faults = walker.faults(found.tree)
            words = f"it is not whole, {counted(faults)}"
            reasons = [Reason(INCOMPLETE, len(faults), 0, words) if why.code == INCOMPLETE else why for why in reasons]
        if one.id in self._unproven.without:
            reasons.append(Reason(UNLOGGED, 1, 0, "it came past the gateway: the log has no receipt for it"))
        # names and endings of files are a host's words
        reasons = [Reason(why.code, why.value, why.threshold, printable(why.words)) for why in reasons]
        if totals is None and one.verdict == BAD:
            return self._write(one, found, BAD, tuple(reasons), measures, age, whole=False)
        good = not reasons or (one.operator == ACCEPTED and totals is not None)
        verdict = GOOD if good else SUSPICIOUS
        return self._write(one, found, verdict, tuple(reasons), measures, age, whole=totals is not None)

    def _keep_trees(self, walker: Walker, known: WholeTrees, lacking: LackingTrees) -> None:
        fresh = dict(walker.fresh)
        walker.fresh.clear()
        known.add(fresh)
        keep_trees(self._state, self._lease, self._adopted.id, fresh)
        lacks = dict(walker.fresh_lacks)
        walker.fresh_lacks.clear()
        lacking.keep(self._lease, lacks)

    def _measures(
        self, found: Snapshot, past: list[GoodOne], history: History, totals: Totals | None
    ) -> tuple[dict[str, float], Changes]:
        """Numbers beside those of other snapshots; of an incomplete one there are none."""
        if totals is None:
            return {}, Changes()
        measures: dict[str, float] = {"files": totals[0], "bytes": totals[1]}
        there = [one for one in past if one.present]
        if not there:
            return measures, Changes()
        try:
            difference = changes(self._repository, there[-1].tree, found.tree, self._places)
        except (Damaged, LimitExceeded, Missing):  # the earlier one cannot be read, and is an incident of its own
            return measures, Changes()
        unseen = {word: count for word, count in difference.new_by_extension.items() if word not in history.extensions}
        unseen.pop("", None)
        measures |= {name: getattr(difference, name) for name in FLOORS if hasattr(difference, name)}
        measures["new_extensions"] = sum(unseen.values())
        return measures | difference.compression(), difference

    def _write(
        self,
        one: WaitingSnapshot,
        found: Snapshot,
        verdict: str,
        reasons: tuple[Reason, ...],
        measures: dict[str, float],
        age: Age,
        *,
        whole: bool,
    ) -> Judged | None:
        name = source_of(found)
        now_ns = self._state.clock.now_ns()
        with self._state.writing(self._lease) as connection:
            write_verdict(
                connection,
                self._adopted.id,
                one.id,
                source=name,
                found=found,
                arrival_ns=one.arrival_ns,
                verdict=verdict,
                reasons=reasons,
                measures=measures,
                generation=age.generation,
                whole=age.losses if whole else -1,
                now_ns=now_ns,
            )
        if verdict == GOOD and one.operator != CONDEMNED:
            before = Before(one.arrival_ns, found.program_version, measures, one.operator == ACCEPTED)
            self._past.add(name, GoodOne(one.id, found.tree, present=True, before=before))
        return None if verdict == one.verdict else Judged(one.id, name, verdict, reasons)
