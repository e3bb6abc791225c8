"""A keeper's own book: which replica it keeps by whose word, and its plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, UsageError
from strongroom.base.record import record
from strongroom.custody.planned.orders import SignedBytes, read_order
from strongroom.custody.schemas import keeper as schema
from strongroom.database.migrations import migrate

if TYPE_CHECKING:
    from strongroom.custody.executor.records import Records
    from strongroom.custody.planned.orders import Order
    from strongroom.receipts.log.note import Verifier

HELD, DONE, CANCELLED, UNDONE = "held", "done", "cancelled", "undone"


@record
class KeptReplica:
    """The replica, see ``schema.kept``. ``hold``, ``detection`` and ``expiry`` in days."""

    id: str
    store: str
    known_as: str
    judge: str
    hold: int
    detection: int
    expiry: int
    floor: int
    number: int = 0
    operators: int = 0


@record
class KeptPlan:
    """A plan of the keeper's. ``made_ns``: nanoseconds since 1970 UTC."""

    number: int
    kind: str
    made_ns: int
    state: str
    signed: SignedBytes

    def order(self, keeper: Verifier) -> Order:
        """What it names. Raises ``Damaged`` where it is not signed by this key."""
        return read_order(self.signed, keeper)


class KeeperBook:
    """The tables, in the database of the executor's record."""

    def __init__(self, records: Records) -> None:
        self._database = records.database
        migrate(self._database, "keeper", schema.METADATA, schema.STEPS)

    def must_be_new(self) -> None:
        """Raise ``UsageError`` where a replica is kept already: before another one is marked as this keeper's."""
        with self._database.read() as connection:
            _must_be_new(connection)

    def begin(self, replica: KeptReplica) -> None:
        """Write down the replica. Raises ``UsageError`` where there is one."""
        with self._database.write() as connection:
            _must_be_new(connection)
            members = {name: getattr(replica, name) for name in replica.__annotations__}
            connection.execute(schema.kept.insert().values(**members))

    def replica(self) -> KeptReplica:
        """The replica. Raises ``ConfigurationError`` where none was named yet."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(schema.kept)).first()
        if row is None:
            raise ConfigurationError("keeps no replica yet", hint="`strongroom custody keep init` begins.")
        return KeptReplica(*row)

    def heard(self, number: int) -> None:
        """A statement of this number was read."""
        with self._database.write() as connection:
            connection.execute(schema.kept.update().values(number=number))

    def plans(self, *, all_states: bool = False) -> list[KeptPlan]:
        """The plans that are held, or all, the oldest first."""
        query = sa.select(schema.plan).order_by(schema.plan.c.number)
        if not all_states:
            query = query.where(schema.plan.c.state == HELD)
        with self._database.read() as connection:
            return [_plan(row) for row in connection.execute(query)]

    def plan(self, number: int) -> KeptPlan:
        """One plan. Raises ``UsageError``."""
        found = [one for one in self.plans(all_states=True) if one.number == number]
        if not found:
            raise UsageError("there is no such plan", subject=f"plan {number}", hint="`custody keep show` lists them.")
        return found[0]

    def add(self, kind: str, number: int, made_ns: int, signed: SignedBytes) -> None:
        """A new plan."""
        with self._database.write() as connection:
            connection.execute(
                schema.plan.insert().values(
                    number=number, kind=kind, made_ns=made_ns, state=HELD, body=signed.body, signature=signed.signature
                )
            )

    def set_state(self, number: int, state: str) -> None:
        """What became of a plan."""
        with self._database.write() as connection:
            connection.execute(schema.plan.update().where(schema.plan.c.number == number).values(state=state))


def _must_be_new(connection: sa.Connection) -> None:
    if connection.execute(sa.select(schema.kept.c.id)).first() is not None:
        raise UsageError("keeps a replica already", hint="Each has a folder of its own: --keeper FOLDER.")


def _plan(row: sa.Row[Any]) -> KeptPlan:
    signed = SignedBytes(bytes(row.body), bytes(row.signature))
    return KeptPlan(row.number, row.kind, row.made_ns, row.state, signed)
