"""The judge's notes of what goes slowly: condemned packs, intended removals, plans and their signed documents."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.objects import Kind
from strongroom.base.record import record
from strongroom.custody.catalogue import note_loss
from strongroom.custody.deletion import schema
from strongroom.custody.deletion.orders import FOLDERS, PACKS, PURGE, Item, Order, SignedBytes
from strongroom.custody.schema import pack, plan, stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from strongroom.custody.state import Adopted, Lease, State
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.contract import Info

HELD, FROZEN, CANCELLED, EXECUTING, DONE, UNDONE = "held", "frozen", "cancelled", "executing", "done", "undone"
OPEN = (HELD, FROZEN, EXECUTING)


@record
class Condemned:
    """A pack on its way out; times in nanoseconds since 1970 UTC."""

    pack: str
    since_ns: int
    unindexed_ns: int | None


def condemned_packs(state: State, repository: str) -> dict[str, Condemned]:
    """All packs on their way out."""
    table = schema.condemned
    with state.database.read() as connection:
        rows = connection.execute(sa.select(table).where(table.c.repository == repository)).all()
    return {row.pack: Condemned(row.pack, row.since_ns, row.unindexed_ns) for row in rows}


def packs_there(state: State, repository: str, *, without: Iterable[str] = ()) -> list[tuple[str, bytes]]:
    """Name and rows of every pack that was read, is sound and is there: the copies that count, the oldest first.

    Packs whose blobs were written anew come last, so that the new copies count.
    """
    leaving = sa.func.coalesce(schema.use.c.leaving, 0)
    query = (
        sa.select(pack.c.name, pack.c.blobs)
        .select_from(
            pack.join(
                stored, sa.and_(stored.c.repository == pack.c.repository, stored.c.name == pack.c.name)
            ).outerjoin(
                schema.use, sa.and_(schema.use.c.repository == pack.c.repository, schema.use.c.pack == pack.c.name)
            )
        )
        .where(
            pack.c.repository == repository,
            stored.c.kind == Kind.DATA.value,
            stored.c.gone_ns.is_(None),
            stored.c.verified_ns.is_not(None),
            stored.c.fault.is_(None),
        )
        .order_by(leaving, stored.c.arrival_ns, pack.c.name)
    )
    skipped = set(without)
    with state.database.read() as connection:
        return [(row.name, bytes(row.blobs)) for row in connection.execute(query) if row.name not in skipped]


def index_of(packs: Iterable[tuple[str, bytes]]) -> _kernel.Index:
    """An index of packs with their rows, in this order: of several copies the first counts."""
    index = _kernel.Index()
    for name, rows in packs:
        index.insert_rows(name, rows)
    return index


def rows_of(state: State, repository: str, packs: Iterable[str]) -> list[tuple[str, bytes]]:
    """Name and rows of some packs that were read, whether they are there or not."""
    found = []
    with state.database.read() as connection:
        for name in packs:
            row = connection.execute(
                sa.select(pack.c.blobs).where(pack.c.repository == repository, pack.c.name == name)
            ).one_or_none()
            if row is not None:
                found.append((name, bytes(row.blobs)))
    return found


def stored_objects(state: State, repository: str, kind: Kind) -> dict[str, sa.Row[Any]]:
    """What is there of a kind, by name."""
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(stored).where(
                stored.c.repository == repository, stored.c.kind == kind.value, stored.c.gone_ns.is_(None)
            )
        ).all()
    return {row.name: row for row in rows}


def put_away_packs(state: State, repository: str) -> list[str]:
    """Packs that we removed and that can still be brought back."""
    table = schema.intent
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(table.c.name)
            .join(
                stored,
                sa.and_(
                    stored.c.repository == table.c.repository,
                    stored.c.kind == Kind.DATA.value,
                    sa.literal(FOLDERS["packs"]).concat(stored.c.name) == table.c.name,
                ),
            )
            .where(
                table.c.repository == repository,
                table.c.done_ns.is_not(None),
                table.c.undone_ns.is_(None),
                table.c.purged_ns.is_(None),
                stored.c.gone_ns.is_not(None),
            )
            .distinct()
        ).all()
    return [row.name.removeprefix(FOLDERS["packs"]) for row in rows]


# intents


def intend(connection: sa.Connection, repository: str, number: int, items: Sequence[Item], now_ns: int) -> None:
    """Write down what is meant to go, before it goes."""
    table = schema.intent
    for item in items:
        here = sa.and_(table.c.repository == repository, table.c.name == item.name, table.c.plan == number)
        connection.execute(table.delete().where(here))
        connection.execute(
            table.insert().values(repository=repository, name=item.name, plan=number, size=item.size, at_ns=now_ns)
        )


def intended(connection: sa.Connection, repository: str) -> frozenset[str]:
    """Names with their folders of what we meant to go, and did not take back."""
    table = schema.intent
    rows = connection.execute(
        sa.select(table.c.name).where(table.c.repository == repository, table.c.undone_ns.is_(None))
    )
    return frozenset(row.name for row in rows)


def gone(connection: sa.Connection, repository: str, number: int, names: Iterable[str], now_ns: int) -> None:
    """What was meant to go is gone."""
    table = schema.intent
    for name in names:
        connection.execute(
            table.update()
            .where(table.c.repository == repository, table.c.name == name, table.c.plan == number)
            .values(done_ns=now_ns)
        )
        if name.startswith(FOLDERS[PURGE]):
            inside = name.removeprefix(FOLDERS[PURGE])
            connection.execute(
                table.update().where(table.c.repository == repository, table.c.name == inside).values(purged_ns=now_ns)
            )
            if inside.startswith(FOLDERS[PACKS]):
                rest = inside.removeprefix(FOLDERS[PACKS])
                connection.execute(pack.delete().where(pack.c.repository == repository, pack.c.name == rest))
            continue
        _set_stored(connection, repository, name, gone_ns=now_ns)


def note_gone(connection: sa.Connection, repository: str, name: str, now_ns: int) -> None:
    """A round finds that what was meant to go is gone."""
    _set_stored(connection, repository, name, gone_ns=now_ns)
    table = schema.intent
    connection.execute(
        table.update()
        .where(
            table.c.repository == repository,
            table.c.name == name,
            table.c.undone_ns.is_(None),
            table.c.done_ns.is_(None),
        )
        .values(done_ns=now_ns)
    )


def _set_stored(connection: sa.Connection, repository: str, name: str, **values: object) -> None:
    """Change what is known of an object; with a pack that goes whatever counted as whole is to be looked at again."""
    kind, _, rest = name.partition("/")
    connection.execute(
        stored.update()
        .where(stored.c.repository == repository, stored.c.kind == kind, stored.c.name == rest)
        .values(**values)
    )
    if kind == Kind.DATA.value and values.get("gone_ns") is not None:
        note_loss(connection, repository)


def taken_back(connection: sa.Connection, repository: str, info: Info, now_ns: int) -> None:
    """An object was brought back: it is there, and to be read again."""
    name = str(info.name)
    table = schema.intent
    connection.execute(
        table.update()
        .where(table.c.repository == repository, table.c.name == name, table.c.undone_ns.is_(None))
        .values(undone_ns=now_ns)
    )
    _set_stored(connection, repository, name, gone_ns=None, verified_ns=None, size=info.size, stamp_ns=info.modified_ns)


# plans


def plan_row(state: State, repository: str, number: int) -> sa.Row[Any] | None:
    """One plan of any kind."""
    with state.database.read() as connection:
        return connection.execute(
            sa.select(plan).where(plan.c.repository == repository, plan.c.number == number)
        ).one_or_none()


def plan_rows(state: State, repository: str, states: Sequence[str] = OPEN) -> list[sa.Row[Any]]:
    """The plans of all kinds in some states, the oldest first."""
    with state.database.read() as connection:
        return list(
            connection.execute(
                sa.select(plan).where(plan.c.repository == repository, plan.c.state.in_(states)).order_by(plan.c.number)
            ).all()
        )


def set_plan(connection: sa.Connection, repository: str, number: int, **values: object) -> None:
    """Change a plan's row."""
    connection.execute(plan.update().where(plan.c.repository == repository, plan.c.number == number).values(**values))


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
        store=adopted.store,
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


def plan_body(names: Sequence[str], breakers: Sequence[str] = (), share: float | None = None) -> str:
    """What a plan's row says besides its document."""
    return json.dumps({"remove": list(names), "breakers": list(breakers), "share": share})


def current_epoch(state: State, repository: str) -> int:
    """The state's epoch for a repository."""
    table = schema.epoch
    with state.database.read() as connection:
        found = connection.execute(
            sa.select(table.c.epoch).where(table.c.repository == repository)
        ).scalar_one_or_none()
    return 1 if found is None else int(found)


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
        last = connection.execute(
            sa.select(sa.func.coalesce(sa.func.max(plan.c.number), 0)).where(plan.c.repository == repository)
        ).scalar_one()
        if last < newest:
            now_ns = state.clock.now_ns()
            connection.execute(
                plan.insert().values(
                    repository=repository,
                    number=newest,
                    kind="snapshots",
                    made_ns=now_ns,
                    due_ns=now_ns,
                    state=CANCELLED,
                    body=plan_body(()),
                    approved="",
                )
            )
        connection.execute(schema.condemned.delete().where(schema.condemned.c.repository == repository))
        state.record(connection, "custodian", repository, f"epoch {number}", "this state is older than the executor's")
