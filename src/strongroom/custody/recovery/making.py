"""From the state to a kit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError
from strongroom.base.objects import Kind
from strongroom.custody.good.writing import written_list
from strongroom.custody.judging.verdicts import CONDEMNED
from strongroom.custody.recovery.good_steps import KitList
from strongroom.custody.recovery.kit import Kit
from strongroom.custody.recovery.recipients import recipients
from strongroom.custody.replica.notes import copied
from strongroom.custody.schemas.main import snapshot
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State

LISTED = 20
"""How many good snapshots a kit names."""


def make_kit(state: State, adopted: Adopted, place: str, replica: str = "", ca: bytes = b"") -> Kit:
    """The kit of a repository as it stands; it and its replica are at these places, as stock restic writes them, whose
    servers show certificates that ``ca`` vouches for, if any.

    Raises ``ConfigurationError`` where no recovery identity was ever made.
    """
    if not recipients(state):
        raise ConfigurationError("no recovery identity was made", hint="`strongroom custody init` makes one.")
    with state.database.read() as connection:
        rows = connection.execute(
            sa.select(snapshot.c.id, snapshot.c.arrival_ns, snapshot.c.source)
            .where(snapshot.c.repository == adopted.id, snapshot.c.verdict == GOOD, snapshot.c.operator != CONDEMNED)
            .order_by(snapshot.c.arrival_ns.desc(), snapshot.c.id)
            .limit(LISTED)
        ).all()
    good = tuple((row.id, row.arrival_ns, row.source) for row in rows)
    listed = written_list(state, adopted.id)
    there = copied(state, adopted, Kind.SNAPSHOT) if replica else {}
    return Kit(
        adopted.name,
        adopted.id,
        place,
        adopted.key_name,
        adopted.sealed_password,
        adopted.config,
        adopted.key_file,
        good,
        state.clock.now_ns(),
        replica,
        tuple(row.id for row in rows if row.id not in there),
        ca,
        None if listed is None else KitList(listed.number, listed.made_ns, listed.judge),
    )
