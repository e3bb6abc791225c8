"""A policy that lets more go, or sooner, counts once the waiting times of the old one are over.

Whoever has the custodian's machine for an hour could else shorten all waits first, and make himself an operator where
none sign. So it waits whoever signed it. What keeps more counts at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError
from strongroom.base.record import record, replace
from strongroom.custody.ledger import is_frozen
from strongroom.custody.policy import NAMES, CustodyPolicy, adjusted, parse_policy
from strongroom.custody.schemas.changes import waiting_change
from strongroom.custody.schemas.main import repository
from strongroom.database.prepared import prepared
from strongroom.format import rfc3339
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State

_LOOSER_ABOVE = frozenset({"verify", "rpo_hours"})
"""Settings of which a larger number promises less; of all others a smaller one does."""


@record
class WaitingChange:
    """What will count, from when on at the earliest, and who said so. Times in nanoseconds since 1970 UTC."""

    policy: CustodyPolicy
    said_ns: int
    due_ns: int
    who: str

    def words(self, adopted: Adopted) -> str:
        """Which settings become what, when, and how it is withdrawn."""
        changes = [
            f"{name}={getattr(self.policy, name)} (now {getattr(adopted.policy, name)})"
            for name in NAMES
            if getattr(self.policy, name) != getattr(adopted.policy, name)
        ]
        when = rfc3339.format_utc(self.due_ns)
        return f"{' '.join(changes)} counts from {when} on; `custody change {adopted.name} --withdraw` keeps what is"


def is_looser(name: str, old: int, new: int) -> bool:
    """Whether a setting lets more go, or sooner."""
    return new > old if name in _LOOSER_ABOVE else new < old


def at_once(old: CustodyPolicy, new: CustodyPolicy) -> CustodyPolicy:
    """As much of a change as keeps more; nothing of it where that alone makes no sense."""
    stricter = {
        name: getattr(new, name) for name in NAMES if not is_looser(name, getattr(old, name), getattr(new, name))
    }
    try:
        return adjusted(old, stricter)
    except ConfigurationError:
        return old


def change_policy(
    state: State, adopted: Adopted, policy: CustodyPolicy, who: str, what: str, why: str
) -> WaitingChange | None:
    """Let another policy count, and say what of it has to wait. A change that waited is withdrawn by each new one."""
    now_ns = state.clock.now_ns()
    counts = at_once(adopted.policy, policy)
    wait = max(adopted.policy.hold, adopted.policy.detection) * DAY
    waits = None if counts == policy else WaitingChange(policy, now_ns, now_ns + wait, who)
    with state.database.write() as connection:
        _forget(connection, adopted.id)
        connection.execute(repository.update().where(repository.c.id == adopted.id).values(policy=counts.encode()))
        if waits is not None:
            values = {"said_ns": now_ns, "due_ns": waits.due_ns, "who": who, "policy": policy.encode()}
            connection.execute(waiting_change.insert().values(repository=adopted.id, **values))
        state.record(connection, who, adopted.id, what if waits is None else f"{what}; what is looser waits", why)
    return waits


def withdraw(state: State, adopted: Adopted, who: str, why: str) -> bool:
    """Take back what waits; whether anything did. It only keeps more."""
    with state.database.write() as connection:
        found = _forget(connection, adopted.id)
        if found:
            state.record(connection, who, adopted.id, "withdrew the change of the policy that waited", why)
    return found


def waiting(state: State, repository_id: str) -> WaitingChange | None:
    """The change that waits, if any."""
    with state.database.read() as connection:
        return _waiting(connection, repository_id)


def settle_change(state: State, lease: Lease, adopted: Adopted, now_ns: int) -> Adopted:
    """The repository by the policy that counts from now on. Not while an incident freezes its deleting, such as a clock
    that jumped."""
    with state.database.read() as connection:
        found = _waiting(connection, adopted.id)
        if found is None or found.due_ns > now_ns or is_frozen(connection, adopted.id):
            return adopted
    with state.writing(lease) as connection:
        _forget(connection, adopted.id)
        policy = replace(found.policy, operators=adopted.policy.operators)  # those change by signatures of their own
        connection.execute(repository.update().where(repository.c.id == adopted.id).values(policy=policy.encode()))
        state.record(connection, found.who, adopted.id, "the change of the policy counts now", "its wait is over")
    return replace(adopted, policy=policy)


def _waiting(connection: sa.Connection, repository_id: str) -> WaitingChange | None:
    row = connection.execute(*_waiting_query(repository_id)).one_or_none()
    return None if row is None else WaitingChange(parse_policy(row.policy), row.said_ns, row.due_ns, row.who)


@prepared
def _waiting_query(repository_id: str) -> sa.Select[tuple[str, int, int, str]]:
    table = waiting_change
    return sa.select(table.c.policy, table.c.said_ns, table.c.due_ns, table.c.who).where(
        table.c.repository == repository_id
    )


def _forget(connection: sa.Connection, repository_id: str) -> bool:
    gone = connection.execute(waiting_change.delete().where(waiting_change.c.repository == repository_id))
    return bool(gone.rowcount)
