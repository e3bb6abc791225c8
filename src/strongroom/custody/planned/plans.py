"""Plans as the judge writes them down: their rows, their signed documents, and the epoch they belong to."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import UsageError
from strongroom.custody.planned.approvals import note_approval
from strongroom.custody.planned.orders import SNAPSHOTS, Item, Order, SignedBytes
from strongroom.custody.schemas import deletion as schema
from strongroom.custody.schemas.main import plan
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.log.note import Signer

HELD, FROZEN, CANCELLED, EXECUTING, DONE, UNDONE = "held", "frozen", "cancelled", "executing", "done", "undone"
OPEN = (HELD, FROZEN, EXECUTING)


def plan_row(state: State, repository: str, number: int) -> sa.Row[Any] | None:
    """One plan of any kind."""
    with state.database.read() as connection:
        return connection.execute(
            sa.select(plan).where(plan.c.repository == repository, plan.c.number == number)
        ).one_or_none()


def plan_rows(state: State, repository: str, states: Sequence[str] = OPEN) -> list[sa.Row[Any]]:
    """The plans of all kinds in some states, the oldest first."""
    with state.database.read() as connection:
        return list(connection.execute(*_rows_query(repository, states)).all())


@prepared
def _rows_query(repository: str, states: Sequence[str]) -> sa.Select[Any]:
    return sa.select(plan).where(plan.c.repository == repository, plan.c.state.in_(states)).order_by(plan.c.number)


def insert_plan(
    connection: sa.Connection,
    repository: str,
    kind: str,
    made_ns: int,
    due_ns: int,
    state: str,
    body: str,
    number: int | None = None,
) -> int:
    """Add a plan, and return its number: the one after the last, if none is given."""
    if number is None:
        number = _last_number(connection, repository) + 1
    connection.execute(
        plan.insert().values(
            repository=repository,
            number=number,
            kind=kind,
            made_ns=made_ns,
            due_ns=due_ns,
            state=state,
            body=body,
            approved="",
        )
    )
    return number


def _last_number(connection: sa.Connection, repository: str) -> int:
    found: int = connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(plan.c.number), 0)).where(plan.c.repository == repository)
    ).scalar_one()
    return found


def set_plan(connection: sa.Connection, repository: str, number: int, **values: object) -> None:
    """Change a plan's row."""
    connection.execute(plan.update().where(plan.c.repository == repository, plan.c.number == number).values(**values))


def end_plan(state: State, lease: Lease, repository: str, number: int, how: str) -> None:
    """Say how a plan ended."""
    with state.writing(lease) as connection:
        set_plan(connection, repository, number, state=how)


def signed(row: sa.Row[Any]) -> SignedBytes | None:
    """A plan's document, if it has one yet."""
    return None if row.document is None else SignedBytes(bytes(row.document), bytes(row.signature))


def sign_plan(
    state: State,
    lease: Lease,
    adopted: Adopted,
    number: int,
    kind: str,
    items: Sequence[Item],
    signer: Signer,
    *,
    successors: Sequence[str] = (),
) -> None:
    """Give a plan its document, which never changes from then on."""
    order = Order(
        repository=adopted.id,
        store=adopted.place,
        epoch=current_epoch(state, adopted.id),
        number=number,
        kind=kind,
        made_ns=state.clock.now_ns(),
        policy=hashlib.sha256(adopted.policy.encode().encode()).hexdigest(),
        items=tuple(items),
        successors=tuple(successors),
    ).sign(signer)
    with state.writing(lease) as connection:
        set_plan(connection, adopted.id, number, document=order.body, signature=order.signature)


def make_signed_plan(
    state: State,
    lease: Lease,
    adopted: Adopted,
    signer: Signer,
    kind: str,
    items: Sequence[Item],
    *,
    wait_ns: int,
    successors: Sequence[str] = (),
    breakers: Sequence[str] = (),
) -> int:
    """Make a plan of today, with its document, and return its number. One of nothing is over at once."""
    now_ns = state.clock.now_ns()
    body = plan_body([item.name for item in items], breakers)
    with state.writing(lease) as connection:
        how = FROZEN if breakers else HELD
        number = insert_plan(connection, adopted.id, kind, now_ns, now_ns + wait_ns, how, body)
    sign_plan(state, lease, adopted, number, kind, items, signer, successors=successors)
    if not items:
        end_plan(state, lease, adopted.id, number, CANCELLED)
    return number


def plan_body(names: Sequence[str], breakers: Sequence[str] = (), share: float | None = None) -> str:
    """What a plan's row says besides its document."""
    return json.dumps({"remove": list(names), "breakers": list(breakers), "share": share})


def approve(state: State, adopted: Adopted, number: int, who: str, why: str) -> None:
    """Let a plan go though it is large; nothing else that stands against it is lifted. Raises ``UsageError``."""
    row = plan_row(state, adopted.id, number)
    if row is None or row.state not in (HELD, FROZEN):
        raise UsageError("is no plan that waits", subject=f"plan {number}", hint="`custody plan show` lists them.")
    with state.database.write() as connection:
        set_plan(connection, adopted.id, number, approved=who, state=HELD)
        note_approval(connection, adopted.id, number, who, state.clock.now_ns())
        state.record(connection, who, adopted.id, f"approved plan {number}", why)


def current_epoch(state: State, repository: str) -> int:
    """The state's epoch for a repository."""
    with state.database.read() as connection:
        found = connection.execute(*_epoch_query(repository)).scalar_one_or_none()
    return 1 if found is None else int(found)


@prepared
def _epoch_query(repository: str) -> sa.Select[tuple[int]]:
    return sa.select(schema.epoch.c.epoch).where(schema.epoch.c.repository == repository)


def note_survey(state: State, lease: Lease, repository: str) -> None:
    """It was asked now which packs may go."""
    table = schema.epoch
    now_ns = state.clock.now_ns()
    with state.writing(lease) as connection:
        changed = connection.execute(table.update().where(table.c.repository == repository).values(surveyed_ns=now_ns))
        if changed.rowcount == 0:
            connection.execute(table.insert().values(repository=repository, epoch=1, surveyed_ns=now_ns))


def begin_epoch(state: State, lease: Lease, repository: str, number: int, newest: int) -> None:
    """This state was brought back: all its open plans are void, and new ones begin after what the executor saw."""
    table = schema.epoch
    with state.writing(lease) as connection:
        connection.execute(table.delete().where(table.c.repository == repository))
        connection.execute(table.insert().values(repository=repository, epoch=number))
        connection.execute(
            plan.update().where(plan.c.repository == repository, plan.c.state.in_(OPEN)).values(state=CANCELLED)
        )
        if _last_number(connection, repository) < newest:
            now_ns = state.clock.now_ns()
            insert_plan(connection, repository, SNAPSHOTS, now_ns, now_ns, CANCELLED, plan_body(()), newest)
        connection.execute(schema.condemned.delete().where(schema.condemned.c.repository == repository))
        state.record(connection, "custodian", repository, f"epoch {number}", "this state is older than the executor's")
