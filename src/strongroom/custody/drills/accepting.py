"""An operator's word on what a drill found: these files were saved so, and are as they should be."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from strongroom.base.errors import UsageError
from strongroom.custody.drills.newest import newest_drill, sign_drill
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

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
        rows, faults = _found(connection, adopted)
        sign_drill(connection, rows, who)
        close_incident(connection, adopted.id, Code.DRILL, adopted.name, state.clock.now_ns())
        named = sorted({path for path, _, _ in faults})
        state.record(connection, who, adopted.id, f"accepted what a drill found: {', '.join(named)}", why)
    return len(named)


def _found(connection: sa.Connection, adopted: Adopted) -> tuple[Sequence[sa.Row[Any]], list[tuple[str, str, str]]]:
    """The last drill, and the path, words and content of each file in it that was not right."""
    rows = newest_drill(connection, adopted.id)
    faults = [(fault[0], fault[1], "".join(fault[2:])) for row in rows for fault in json.loads(row.faults)]
    if not faults:
        raise UsageError("the last drill found nothing that was not right", subject=adopted.name)
    for path, words, content in faults:
        if not content:
            raise UsageError(f"{words}, which nobody can call right", subject=path)
    return rows, faults
