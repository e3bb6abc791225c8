"""An operator's word on what a drill found: these files were saved so, and are as they should be."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import UsageError
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident
from strongroom.custody.schemas.main import drill

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State


def drilled_thing(state: State, adopted: Adopted) -> str:
    """What is accepted, as an operator signs it: each file of the last drill that was not right, with its content.

    Raises ``UsageError`` where there are none, or where one was not restored.
    """
    with state.database.read() as connection:
        _, faults = _found(connection, adopted)
    said = json.dumps(sorted([path, content] for path, _, content in faults))
    return f"drilled/{hashlib.sha256(said.encode()).hexdigest()}"


def accept_drilled(state: State, adopted: Adopted, who: str, why: str) -> int:
    """Say that all files of the last drill that were not right are as they should be; how many they are.

    With another content a drill tells of them again. Raises as ``drilled_thing``.
    """
    with state.database.write() as connection:
        last, faults = _found(connection, adopted)
        here = sa.and_(drill.c.repository == adopted.id, drill.c.at_ns == last)
        connection.execute(drill.update().where(here).values(signed=who))
        close_incident(connection, adopted.id, Code.DRILL, adopted.name, state.clock.now_ns())
        named = sorted({path for path, _, _ in faults})
        state.record(connection, who, adopted.id, f"accepted what a drill found: {', '.join(named)}", why)
    return len(named)


def _found(connection: sa.Connection, adopted: Adopted) -> tuple[int, list[tuple[str, str, str]]]:
    """When the last drill was, and the path, words and content of each file in it that was not right."""
    here = drill.c.repository == adopted.id
    last = connection.execute(sa.select(sa.func.coalesce(sa.func.max(drill.c.at_ns), 0)).where(here)).scalar_one()
    rows = connection.execute(sa.select(drill.c.faults).where(here, drill.c.at_ns == last)).scalars()
    faults = [(fault[0], fault[1], "".join(fault[2:])) for row in rows for fault in json.loads(row)]
    if not faults:
        raise UsageError("the last drill found nothing that was not right", subject=adopted.name)
    for path, words, content in faults:
        if not content:
            raise UsageError(f"{words}, which nobody can call right", subject=path)
    return last, faults
