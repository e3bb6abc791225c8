"""That a person opened what was drilled: a program sees that a file is whole, not that it is the right one.

Once a quarter is asked for; that nobody did is said in ``custody status``, and is no broken promise.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import UsageError
from strongroom.custody.drills.newest import newest_drill, sign_drill
from strongroom.custody.schemas.main import drill
from strongroom.retention.guarded import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.state import Adopted, State

QUARTER_NS = 92 * DAY


def opened_thing(state: State, adopted: Adopted) -> str:
    """What is signed, as an operator's key signs it: which snapshots the last drill restored, and when.

    Raises ``UsageError`` where there was no drill, or where it found something that is not right.
    """
    with state.database.read() as connection:
        rows = _last(connection, adopted)
    return f"opened/{rows[0].at_ns} {' '.join(row.snapshot for row in rows)}"


def sign_opened(state: State, adopted: Adopted, who: str, why: str) -> list[str]:
    """Say that a person opened what the last drill restored; of which snapshots. Raises as ``opened_thing``."""
    with state.database.write() as connection:
        rows = _last(connection, adopted)
        sign_drill(connection, rows, who)
        snapshots = [str(row.snapshot) for row in rows]
        state.record(connection, who, adopted.id, f"opened what was drilled of {', '.join(snapshots)}", why)
    return snapshots


def opened_words(adopted: Adopted, signed_ns: int | None, now_ns: int) -> str:
    """What to do where nobody opened anything for a quarter of a year, in words; else empty. ``signed_ns``: when the
    newest drill was made that somebody signed."""
    days = (now_ns - (adopted.adopted_ns if signed_ns is None else signed_ns)) // DAY
    if days * DAY < QUARTER_NS:
        return ""
    name = adopted.name
    return (
        f"nobody has opened what was drilled for {days} days: `custody drill {name} --keep --folder FOLDER`, open some"
        f" of the files, then `custody drill {name} --sign`"
    )


def newest_signed() -> sa.Select[Any]:
    """A row for each repository: when the newest drill was made that somebody signed."""
    query = sa.select(drill.c.repository, sa.func.max(drill.c.at_ns).label("at_ns"))
    return query.where(drill.c.signed != "").group_by(drill.c.repository)


def _last(connection: sa.Connection, adopted: Adopted) -> Sequence[sa.Row[Any]]:
    rows = newest_drill(connection, adopted.id)
    if not rows:
        hint = f"`strongroom custody drill {adopted.name} --keep --folder FOLDER`."
        raise UsageError("nothing was drilled yet", subject=adopted.name, hint=hint)
    if any(json.loads(row.faults) and not row.signed for row in rows):
        hint = f"`strongroom custody incidents {adopted.name}` names them; `custody accept {adopted.name} --drilled`."
        raise UsageError("the last drill found files that are not right", subject=adopted.name, hint=hint)
    return rows
