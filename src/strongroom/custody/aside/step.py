"""A round's step: true entries are written and read back, then a plan without a hold names what is set aside."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Refused
from strongroom.base.objects import Kind
from strongroom.custody.aside.true_entries import (
    TO_COME,
    packs_to_come,
    write_for_lost,
    write_true_entries,
    write_what_came,
)
from strongroom.custody.aside.unfit import unfit_now
from strongroom.custody.planned.orders import ASIDE, Item
from strongroom.custody.planned.packs import stored_objects
from strongroom.custody.planned.plans import HELD, insert_plan, plan_body, plan_rows, sign_plan
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.schemas.main import plan
from strongroom.database.prepared import prepared
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.base.objects import ObjectName
    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.log.note import Signer
    from strongroom.repository.opened import Repository

MOST = 10
"""So many go in a day at most; the executor counts as well."""


def plan_aside(state: State, lease: Lease, adopted: Adopted, repository: Repository, signer: Signer) -> str:
    """Plan that what is unfit goes now, the longest known first; why nothing is, in words, where it cannot be.

    What came since others were set aside, and what lost indexes said, is written to an index first. One plan of a
    round's at a time: what it leaves for want of room waits for the next one. An operator's may wait for his word
    elsewhere, and holds up none.
    """
    with contextlib.suppress(Refused):  # no index can be written here, which is said where one is to go
        write_what_came(state, lease, repository)
        write_for_lost(state, lease, repository)
    room = MOST - _of_today(state, adopted.id)
    if room <= 0 or any(row.kind == ASIDE and not row.approved for row in plan_rows(state, adopted.id)):
        return ""
    names = unfit_now(state, repository, room)
    if not names:
        return ""
    try:
        make_aside_plan(state, lease, adopted, repository, signer, names, "is not what an honest host stores")
    except Refused as problem:
        return f"no index can be written here, so none is set aside: {problem.what}"
    return ""


def _of_today(state: State, repository: str) -> int:
    with state.database.read() as connection:
        return int(connection.execute(*_since_query(repository, state.clock.now_ns() - DAY)).scalar_one())


@prepared
def _since_query(repository: str, since_ns: int) -> sa.Select[Any]:
    table = schema.intent
    return (
        sa.select(sa.func.count())
        .select_from(table.join(plan, sa.and_(plan.c.repository == table.c.repository, plan.c.number == table.c.plan)))
        .where(table.c.repository == repository, table.c.done_ns >= since_ns, plan.c.kind == ASIDE)
    )


def make_aside_plan(
    state: State,
    lease: Lease,
    adopted: Adopted,
    repository: Repository,
    signer: Signer,
    names: Sequence[ObjectName],
    why: str,
) -> int:
    """Write the true entries of the indexes among ``names``, and sign a plan that they go; its number.

    Raises ``Refused`` where the store takes no index of ours, ``Damaged`` where it gives back another.
    """
    going = {name.name for name in names if name.kind is Kind.INDEX}
    to_come = packs_to_come(state, repository, going)
    written = write_true_entries(state, lease, repository, going) if going else []
    there = {kind: stored_objects(state, adopted.id, kind) for kind in {name.kind for name in names}}
    items = [Item(str(name), there[name.kind][name.name].size, why) for name in names]
    now_ns = state.clock.now_ns()
    body = json.dumps(json.loads(plan_body([item.name for item in items])) | {TO_COME: to_come})
    with state.writing(lease) as connection:
        number = insert_plan(connection, adopted.id, ASIDE, now_ns, now_ns, HELD, body)
    successors = [f"{Kind.INDEX.value}/{name}" for name in written]
    sign_plan(state, lease, adopted, number, ASIDE, items, signer, successors=successors)
    return number
