"""Letting a repository go out of care, and taking it up again. Nothing of it is removed by that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import UsageError
from strongroom.base.record import replace
from strongroom.custody.mark import release_mark
from strongroom.custody.planned.plans import CANCELLED, plan_rows, set_plan
from strongroom.custody.schemas.main import repository as adopted_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.custody.state import Adopted, State
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Store


def release(
    state: State,
    adopted: Adopted,
    store: Store,
    signer: Signer,
    forbid: Callable[[int], None],
    *,
    holder: str,
    who: str,
    why: str,
) -> list[int]:
    """Let a repository go: its open plans end, another custodian may take it up, and rounds pass it by.

    ``forbid`` tells the executor of each plan. Returns the numbers of the plans that ended. Raises ``Locked`` while a
    round is under way, and the store's errors; then it is still in care.
    """
    lease = state.claim(adopted.id, holder)
    try:
        numbers = [row.number for row in plan_rows(state, adopted.id)]
        for number in numbers:
            forbid(number)
        release_mark(store, adopted.id, signer)
        with state.writing(lease) as connection:
            for number in numbers:
                set_plan(connection, adopted.id, number, state=CANCELLED)
            connection.execute(
                adopted_table.update().where(adopted_table.c.id == adopted.id).values(retired_ns=state.clock.now_ns())
            )
            state.record(connection, who, adopted.id, f"released {adopted.name}", why)
    finally:
        state.release(lease)
    return numbers


def take_up_again(state: State, name: str, who: str, why: str) -> Adopted:
    """Take a released repository into care again, with all that is known of it. Raises ``UsageError``."""
    found = next((one for one in state.repositories(released=True) if one.retired and one.name == name), None)
    if found is None:
        raise UsageError("was not released", subject=name, hint="`custody repositories --released` lists those.")
    with state.database.write() as connection:
        connection.execute(adopted_table.update().where(adopted_table.c.id == found.id).values(retired_ns=None))
        state.record(connection, who, found.id, f"took {name} up again", why)
    return replace(found, retired=False)
