"""What the state knows of a replica: where it is, what was copied there, when each object was last read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident, printable
from strongroom.custody.schemas import replica as schema
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.state import Adopted, Lease, State


def replica_place(state: State, adopted: Adopted) -> str | None:
    """The replica's URL; None where there is none."""
    with state.database.read() as connection:
        return connection.execute(*_place_query(adopted.id)).scalar_one_or_none()


@prepared
def _place_query(repository: str) -> sa.Select[tuple[str]]:
    return sa.select(schema.place.c.store).where(schema.place.c.repository == repository)


@record
class ReplicaRuns:
    """When a replica was named, and when a run last left nothing over (None: never); why the newest failed, in words.
    Times in nanoseconds since 1970 UTC."""

    since_ns: int
    ran_ns: int | None
    failure: str


def replica_runs(state: State, adopted: Adopted) -> ReplicaRuns | None:
    """How the runs that feed a replica went; None where there is no replica."""
    table = schema.place
    with state.database.read() as connection:
        row = connection.execute(sa.select(table).where(table.c.repository == adopted.id)).one_or_none()
    return None if row is None else ReplicaRuns(row.since_ns, row.ran_ns, row.failure)


def note_run(state: State, lease: Lease, adopted: Adopted, failure: str, left: int) -> None:
    """Remember how a run of `replicate` ended: ``failure`` in words, else what it ``left`` for the next."""
    values: dict[str, Any] = {"failure": printable(failure.replace("\n", " "), 1000)}
    if not failure and not left:
        values["ran_ns"] = state.clock.now_ns()
    table = schema.place
    with state.writing(lease) as connection:
        connection.execute(table.update().where(table.c.repository == adopted.id).values(**values))


def set_place(state: State, lease: Lease, adopted: Adopted, url: str, who: str) -> None:
    """Say where the replica is, once; at another place all is to be copied anew."""
    before = replica_place(state, adopted)
    if before == url:
        return
    table = schema.place
    with state.writing(lease) as connection:
        for one in (table, schema.replica_object):
            connection.execute(one.delete().where(one.c.repository == adopted.id))
        connection.execute(table.insert().values(repository=adopted.id, store=url, since_ns=state.clock.now_ns()))
        state.record(connection, who, adopted.id, "replica at another place" if before else "replica", url)


def copied(state: State, adopted: Adopted, kind: Kind) -> dict[str, sa.Row[Any]]:
    """What was copied of a kind, by name."""
    table = schema.replica_object
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(table).where(table.c.repository == adopted.id, table.c.kind == kind.value)
        ).all()
    return {row.name: row for row in rows}


def note_copied(state: State, lease: Lease, adopted: Adopted, name: ObjectName, size: int) -> None:
    """An object was copied, and its bytes hashed on their way."""
    table = schema.replica_object
    with state.writing(lease) as connection:
        connection.execute(_here(table.delete(), adopted, name))
        connection.execute(
            table.insert().values(
                repository=adopted.id,
                kind=name.kind.value,
                name=name.name,
                size=size,
                verified_ns=state.clock.now_ns(),
                indexed=0,
            )
        )


def note_read(state: State, lease: Lease, adopted: Adopted, name: ObjectName, fault: str | None) -> None:
    """An object of the replica was read; what was wrong."""
    with state.writing(lease) as connection:
        connection.execute(
            _here(schema.replica_object.update(), adopted, name).values(verified_ns=state.clock.now_ns(), fault=fault)
        )


def say_of_replica(
    state: State, lease: Lease, adopted: Adopted, faults: list[tuple[str, str]], gone: int, again: int, left: int
) -> None:
    """Open the incident of a replica for what a run found; close it once all was compared again, and agrees.

    ``gone``: how many objects were not there that had been copied; ``again``: how many of these are there again.
    """
    now_ns = state.clock.now_ns()
    with state.writing(lease) as connection:
        if faults:
            thing, what = faults[0]
            words = f"{len(faults)} objects of the replica are not right; the first: {thing} {what}"
            open_incident(connection, adopted.id, Code.REPLICA, "replica", words, now_ns)
        elif gone:
            words = f"{gone} objects were gone from the replica, and {again} of them are there again"
            open_incident(connection, adopted.id, Code.REPLICA, "replica", words, now_ns)
        elif left == 0 and not _any_fault(connection, adopted):
            close_incident(connection, adopted.id, Code.REPLICA, "replica", now_ns)


def _any_fault(connection: sa.Connection, adopted: Adopted) -> bool:
    """Whether an object of the replica was not right when it was last looked at."""
    table = schema.replica_object
    query = sa.select(table.c.name).where(table.c.repository == adopted.id, table.c.fault.is_not(None)).limit(1)
    return connection.execute(query).one_or_none() is not None


UNKNOWN, NAMED, SUPERSEDED, LEFT_OUT, UNNAMED = 0, 1, 2, -1, -2
"""Of a pack: an index of the replica names it; the newest ones leave it out, since nothing needs it; and the older ones
are gone as well. Of an index: newer ones have taken over."""


def note_indexed(
    state: State, lease: Lease, adopted: Adopted, names: Iterable[str], how: int = NAMED, kind: Kind = Kind.DATA
) -> None:
    """An index of the replica names these packs; or whatever else is to be noted of them."""
    with state.writing(lease) as connection:
        for one in names:
            name = ObjectName(kind, one)
            connection.execute(_here(schema.replica_object.update(), adopted, name).values(indexed=how))


def note_unindexed(state: State, lease: Lease, adopted: Adopted) -> None:
    """An index of the replica is gone, and nobody knows any more which packs the others name."""
    table = schema.replica_object
    with state.writing(lease) as connection:
        connection.execute(table.update().where(table.c.repository == adopted.id).values(indexed=0))


def forget_copy(state: State, lease: Lease, adopted: Adopted, name: ObjectName) -> None:
    """It is not there any more, so it is to be copied again."""
    with state.writing(lease) as connection:
        connection.execute(_here(schema.replica_object.delete(), adopted, name))


def _here(statement: Any, adopted: Adopted, name: ObjectName) -> Any:
    table = schema.replica_object
    return statement.where(table.c.repository == adopted.id, table.c.kind == name.kind.value, table.c.name == name.name)
