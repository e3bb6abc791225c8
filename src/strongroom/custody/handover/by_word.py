"""Setting aside by an operator's word: at once, and more than a round may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.custody.aside.step import make_aside_plan
from strongroom.custody.aside.unfit import named_by_operator
from strongroom.custody.executor.contract import Went
from strongroom.custody.planned.plans import plan_row, plan_rows, set_plan, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.custody.executor.contract import Executing
    from strongroom.custody.handover.handover import Handover
    from strongroom.custody.state import Adopted, State
    from strongroom.receipts.log.note import Signer


def set_aside(
    state: State,
    adopted: Adopted,
    handover: Handover,
    executor: Executing,
    signer: Signer,
    things: Sequence[str],
    who: str,
    why: str,
    spoken: Callable[[int, str], str | None] | None = None,
) -> Went:
    """Set planted things aside, each ``KIND/ID``. Raises ``UsageError`` for what may not be, ``Locked``.

    ``spoken``: who lets the plan of this number and digest go; None where another operator has to say so as well.
    """
    handover.show(executor)
    with handover.working() as (lease, repository):
        names = [named_by_operator(state, adopted.id, thing) for thing in dict.fromkeys(things)]
        number = make_aside_plan(state, lease, adopted, repository, signer, names, f"{who}: {why}")
        row = plan_row(state, adopted.id, number)
        assert row is not None
        document = signed(row)
        assert document is not None
        open_now = (signed(one) for one in plan_rows(state, adopted.id))  # it forgets those that are not named
        executor.look([one for one in open_now if one is not None])
        said = who if spoken is None else spoken(number, document.digest)
        if said is None:
            words = f"plan {number} waits for another operator: `custody plan approve {adopted.name} {number}`"
            return Went(number, row.kind, waits=(words,))
        who = said
        with state.writing(lease) as connection:
            set_plan(connection, adopted.id, number, approved=who)
            state.record(connection, who, adopted.id, f"set aside {', '.join(map(str, names))}", why)
        executor.approve(number, who)
        return handover.go(lease, repository, row, executor)
