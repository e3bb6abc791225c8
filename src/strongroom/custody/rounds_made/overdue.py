"""Whether each byte's turn comes within the time that the policy promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.custody.incidents import Code
from strongroom.custody.ledger import open_incident, settle_incident
from strongroom.custody.schemas.main import stored
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, Lease, State


def look_for_overdue(state: State, lease: Lease, adopted: Adopted, older_than_ns: int) -> None:
    """Say what was not read again in time, or that nothing is late any more."""
    with state.database.read() as connection:
        late = connection.execute(*_late_query(adopted.id, older_than_ns)).scalar_one()
    if not late:
        settle_incident(state, lease, Code.OVERDUE, adopted.name)
        return
    words = f"{late} objects were not read for more than {adopted.policy.verify} days"
    with state.writing(lease) as connection:
        open_incident(connection, adopted.id, Code.OVERDUE, adopted.name, words, state.clock.now_ns())


@prepared
def _late_query(repository: str, older_than_ns: int) -> sa.Select[Any]:
    unread = sa.and_(stored.c.verified_ns.is_(None), stored.c.arrival_ns < older_than_ns)
    due = sa.or_(stored.c.verified_ns < older_than_ns, unread)
    mine = sa.and_(stored.c.repository == repository, stored.c.gone_ns.is_(None))
    return sa.select(sa.func.count()).select_from(stored).where(mine, due)
