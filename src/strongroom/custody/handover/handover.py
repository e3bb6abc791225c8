"""Handing plans over: the executor sees them, the judge looks again when one is due, and what both say goes.

The executor comes in as an object (``executor/contract.py``), so that nothing here can remove.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import Locked, StrongroomError, Unsupported, UsageError
from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import replace
from strongroom.custody.adopting import open_adopted
from strongroom.custody.continuity.newest import Continuity
from strongroom.custody.deletion.bringing_back import bring_back, still_there
from strongroom.custody.deletion.closed import forget_memo
from strongroom.custody.deletion.locks import quiet
from strongroom.custody.deletion.needed import reinstate, rescue
from strongroom.custody.evidence.creations import noting
from strongroom.custody.evidence.outside import this_boot
from strongroom.custody.executor.contract import Handed, Went
from strongroom.custody.handover.looking_again import Again, LookingAgain, see_all
from strongroom.custody.handover.undoing import to_undo
from strongroom.custody.ledger import close_for
from strongroom.custody.planned.approvals import was_approved
from strongroom.custody.planned.intents import gone, intend, removed_by, stayed, taken_back
from strongroom.custody.planned.orders import ASIDE, INDEXES, PACKS, SNAPSHOTS, Confirmation, read_order
from strongroom.custody.planned.packs import condemned_packs
from strongroom.custody.planned.plans import (
    CANCELLED,
    DONE,
    OPEN,
    UNDONE,
    begin_epoch,
    current_epoch,
    end_plan,
    plan_row,
    plan_rows,
    set_plan,
    signed,
)
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.spending.budget import Budget, Limits, Spending
from strongroom.custody.verifying import verify_unread
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy as sa

    from strongroom.base.progress import Reporter
    from strongroom.custody.executor.contract import Executing
    from strongroom.custody.identity import Identity
    from strongroom.custody.planned.orders import Order, SignedBytes
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.log.note import Signer
    from strongroom.repository.opened import Repository
    from strongroom.repository.surroundings import Surroundings
    from strongroom.storage.contract import Store


class Handover:
    """Between judge and executor, for one repository.

    ``doubt``: why the time is not sure; empty where clocks agree. ``boot``: the boot's ID, nanoseconds since.
    ``spending`` bounds what is read of what came since the last round.
    """

    def __init__(
        self,
        state: State,
        adopted: Adopted,
        store: Store,
        identity: Identity,
        signer: Signer,
        surroundings: Surroundings,
        reporter: Reporter,
        *,
        holder: str,
        doubt: Callable[[], str],
        boot: Callable[[], tuple[str, int]] = this_boot,
        spending: Spending | None = None,
    ) -> None:
        self._state = state
        self._adopted = adopted
        self._spending = spending or Spending(Limits(), state.clock)
        self._store = self._spending.counted(noting(state, adopted.id, store))
        self._identity = identity
        self._signer = signer
        self._surroundings = surroundings
        self._reporter = reporter
        self._holder = holder
        self._doubt = doubt
        self._boot = boot

    @contextlib.contextmanager
    def working(self) -> Iterator[tuple[Lease, Repository]]:
        """The right to work on the repository, and the repository. Raises ``Locked``."""
        lease = self._state.claim(self._adopted.id, self._holder)
        try:
            yield lease, open_adopted(self._adopted, self._store, self._identity, self._surroundings)
        finally:
            self._state.release(lease)

    def show(self, executor: Executing) -> list[str]:
        """Let the executor see the store and the open plans; what it finds wrong with them."""
        state, adopted = self._state, self._adopted
        if plan_rows(state, adopted.id):
            self._check_newest()
        epoch, newest = executor.newest
        rows = plan_rows(state, adopted.id, (*OPEN, CANCELLED, DONE, UNDONE))
        if newest > max((row.number for row in rows), default=0) or epoch > current_epoch(state, adopted.id):
            lease = state.claim(adopted.id, self._holder)
            try:
                begin_epoch(state, lease, adopted.id, max(epoch, current_epoch(state, adopted.id)) + 1, newest)
            finally:
                state.release(lease)
        found = [signed(row) for row in plan_rows(state, adopted.id)]
        return executor.look(one for one in found if one is not None)

    def _check_newest(self) -> None:
        """The plans of a state that was copied back are void, whoever's record was copied back with it."""
        lease = self._state.claim(self._adopted.id, self._holder)
        try:
            with contextlib.suppress(Unsupported):  # no place for records
                Continuity(self._state, lease, self._adopted, self._store, self._identity, self._signer).check()
        finally:
            self._state.release(lease)

    def hand_over(self, executor: Executing) -> Handed:
        """Show the plans, and execute those that are due. Raises ``Locked`` while another works on it."""
        handed = Handed(wrong=self.show(executor))
        waiting: list[tuple[sa.Row[Any], str]] = []
        due: list[tuple[sa.Row[Any], str]] = []
        for row in plan_rows(self._state, self._adopted.id):
            why = self._why_not(row, executor)
            (waiting if why else due).append((row, why))
        handed.plans = [Went(row.number, row.kind, waits=(why,)) for row, why in waiting]
        if due:
            with self.working() as (lease, repository):
                if any(row.kind != ASIDE for row, _ in due):
                    see_all(self._state, lease, self._adopted, repository, self._reporter, self._spending)
                handed.plans += [self.go(lease, repository, row, executor) for row, _ in due]
        handed.plans.sort(key=lambda one: one.number)
        return handed

    def _why_not(self, row: sa.Row[Any], executor: Executing) -> str:
        if row.document is None:
            return "not signed yet: the next round does it"
        left = row.due_ns - self._state.clock.now_ns()
        if left > 0 and row.kind != INDEXES:
            return f"held for {-(-left // DAY)} days more"
        if waits := executor.waits(row.number):
            return waits
        doubt = "" if row.kind == ASIDE else self._doubt()  # what has no hold waits for no clock
        if doubt and not was_approved(self._state, self._adopted.id, row.number, row.due_ns):
            return f"due, and {doubt}; it waits for `strongroom custody plan approve {self._adopted.name} {row.number}`"
        return ""

    def go(self, lease: Lease, repository: Repository, row: sa.Row[Any], executor: Executing) -> Went:
        """Execute one plan that is due, after looking again; what became of it."""
        went = Went(row.number, row.kind)
        document = signed(row)
        assert document is not None
        try:
            order = read_order(document, self._signer.verifier)
            patience_ns = self._adopted.policy.detection * DAY
            with (
                quiet(self._state, repository, row.made_ns, patience_ns)
                if row.kind == INDEXES
                else contextlib.nullcontext(tuple)
            ) as held:
                again = LookingAgain(self._state, lease, self._adopted, repository, self._reporter).look(
                    row, [item.name for item in order.items]
                )
                went.waits = again.reasons
                if again.names:
                    self._execute(lease, order, document, replace(again, held=held()), executor, went)
                elif not again.reasons:
                    # what went went by an executor elsewhere, which answered late
                    went.done = bool(removed_by(self._state, self._adopted.id, order.number, surely=True))
                    went.waits = () if went.done else ("nothing of it may go any more",)
                    self._end(lease, order.number, DONE if went.done else CANCELLED)
        except StrongroomError as problem:
            if isinstance(problem, Locked) and row.kind != INDEXES:  # another custodian has taken over
                raise
            went.waits = (str(problem).replace("\n", " "),)
        return went

    def _execute(
        self, lease: Lease, order: Order, document: SignedBytes, again: Again, executor: Executing, went: Went
    ) -> None:
        state, adopted = self._state, self._adopted
        names = set(again.names)
        items = [item for item in order.items if item.name in names]
        now_ns = state.clock.now_ns()
        boot, boot_ns = self._boot()
        confirmation = Confirmation(
            repository=adopted.id,
            store=adopted.place,
            epoch=order.epoch,
            number=order.number,
            order=document.digest,
            names=tuple(item.name for item in items),
            issued_ns=now_ns,
            boot=boot,
            boot_ns=boot_ns,
            nonce=self._surroundings.random_bytes(16).hex(),
            locks=again.locks + again.held,
            held=again.held,
        ).sign(self._signer)
        with state.writing(lease) as connection:
            intend(connection, adopted.id, order.number, items, now_ns)
            state.record(connection, "custodian", adopted.id, f"confirmed plan {order.number}", f"{len(items)} objects")
        if order.kind == PACKS:
            forget_memo(state, lease, adopted.id)
        state.checkpoint()
        report = executor.execute(document, confirmation)
        went.removed = report.removed
        tried = {*report.removed, *(name for name, _ in report.failed)}
        kept = names - tried | {name for name, _ in report.failed if still_there(self._store, name)}
        with state.writing(lease) as connection:
            gone(connection, adopted.id, order.number, report.removed, state.clock.now_ns())
            stayed(connection, adopted.id, order.number, kept)
            if order.kind == ASIDE:
                close_for(connection, adopted.id, report.removed, state.clock.now_ns())
            for name in report.removed:
                if name.startswith("data/"):
                    for table in (schema.condemned, schema.use):
                        connection.execute(
                            table.delete().where(
                                table.c.repository == adopted.id, table.c.pack == name.removeprefix("data/")
                            )
                        )
        more = [f"{name}: {why}" for name, why in report.failed]
        if report.left:
            span = "a day" if order.kind == ASIDE else "thirty days"
            more.append(f"{report.left} wait, since no more may go in {span}; `custody plan approve` lets them")
        went.waits = (*again.reasons, *more)
        named = (row := plan_row(state, adopted.id, order.number)) is not None and row.approved
        if order.kind == ASIDE and not (report.failed and named):  # what it left is in a round's next one
            self._end(lease, order.number, DONE if report.removed else CANCELLED)
            went.done = not more
        elif not more:
            self._end(lease, order.number, DONE)
            went.done = True

    def _end(self, lease: Lease, number: int, how: str) -> None:
        end_plan(self._state, lease, self._adopted.id, number, how)

    # operators

    def cancel(self, executor: Executing, number: int, who: str, why: str) -> None:
        """Let nothing of a plan go; packs return to an index. Raises ``UsageError`` where there is no open one."""
        row = self._row(number)
        if row.state not in OPEN:
            raise UsageError(f"is {row.state}, so there is nothing to cancel", subject=f"plan {number}")
        executor.forbid(number, "cancelled by an operator")
        with self.working() as (lease, repository):
            with self._state.writing(lease) as connection:
                set_plan(connection, self._adopted.id, number, state=CANCELLED)
                self._state.record(connection, who, self._adopted.id, f"cancelled plan {number}", why)
            if row.kind in (INDEXES, PACKS):
                reinstate(self._state, lease, repository, condemned_packs(self._state, self._adopted.id))

    def undo(self, executor: Executing, number: int, who: str, why: str) -> int:
        """Bring everything back that a plan removed, index entries too; how many objects. Raises ``UsageError``."""
        row = self._row(number)
        names = to_undo(self._state, self._adopted.id, row)
        executor.forbid(number, "undone by an operator")
        state, adopted = self._state, self._adopted
        with self.working() as (lease, repository):
            if row.kind == PACKS:
                reinstate(state, lease, repository, [name.removeprefix("data/") for name in names])
            for name in names if row.kind in (SNAPSHOTS, INDEXES, ASIDE) else ():
                kind, _, rest = name.partition("/")
                info = bring_back(repository.store, ObjectName(Kind(kind), rest))
                with state.writing(lease) as connection:
                    taken_back(connection, adopted.id, info, state.clock.now_ns())
            verify_unread(state, lease, repository, Budget(), lambda _done, _total: None)
            if row.kind == SNAPSHOTS:
                rescue(state, lease, repository, self._reporter, everything=True)
            with state.writing(lease) as connection:
                set_plan(connection, adopted.id, number, state=UNDONE)
                state.record(connection, who, adopted.id, f"undid plan {number}", why)
        return len(names)

    def _row(self, number: int) -> sa.Row[Any]:
        row = plan_row(self._state, self._adopted.id, number)
        if row is None:
            raise UsageError("there is no such plan", subject=f"plan {number}", hint="`custody plan show` lists them.")
        return row
