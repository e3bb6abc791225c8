"""History that was copied in: an operator believes the dates that its snapshots claim, and it takes slots by them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import UsageError
from strongroom.base.record import record
from strongroom.custody.arrival import CLAIMED
from strongroom.custody.incidents import Code
from strongroom.custody.judging.verdicts import ACCEPTED, CONDEMNED
from strongroom.custody.ledger import close_incident
from strongroom.custody.schemas.main import snapshot, stored
from strongroom.retention.guarded import GOOD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.state import Adopted, State

BY_COPYING = frozenset({"claims-past", "too-many", "unknown-parent", "older-program"})
"""Reasons that many old snapshots which come at once have for being copied alone; others are an operator's to look at,
one by one."""


@record
class Datable:
    """``ids``: snapshots whose dates would count; ``others``: those that are suspicious for more than being copied."""

    ids: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def thing(self) -> str:
        """What an operator signs: each of them and no other, whatever comes meanwhile."""
        return f"dates/claimed/{hashlib.sha256(' '.join(self.ids).encode()).hexdigest()}"


def datable(state: State, adopted: Adopted, *, source: str | None = None, name: str | None = None) -> Datable:
    """What would be dated of a source, or of one snapshot by its whole ID. Raises ``UsageError`` where nothing is."""
    here = sa.and_(
        stored.c.repository == snapshot.c.repository,
        stored.c.name == snapshot.c.id,
        stored.c.kind == "snapshots",
        stored.c.gone_ns.is_(None),
        stored.c.fault.is_(None),
    )
    query = (
        sa.select(snapshot, stored.c.evidence)
        .select_from(snapshot.join(stored, here))
        .where(snapshot.c.repository == adopted.id, snapshot.c.dated == 0, snapshot.c.operator != CONDEMNED)
        .order_by(snapshot.c.id)
    )
    query = query.where(snapshot.c.source == source) if name is None else query.where(snapshot.c.id == name)
    with state.database.read() as connection:
        rows = connection.execute(query).all()
    ids = tuple(row.id for row in rows if _is_datable(row, named=name is not None))
    if not ids:
        raise UsageError(
            "has no whole snapshot whose claimed date is before its arrival and that is good, or suspicious for being "
            "copied alone",
            subject=source or f"snapshot {str(name)[:8]}",
            hint="`custody explain NAME SNAPSHOT` says what is wrong with one; `custody accept` it first.",
        )
    return Datable(ids, tuple(row.id for row in rows if row.id not in set(ids)))


def _is_datable(row: sa.Row[Any], *, named: bool) -> bool:
    """A date of after the arrival is none: what came then cannot be of later. Of a whole source what is good by what
    was witnessed keeps its arrival."""
    if not named and row.verdict == GOOD and row.evidence != CLAIMED:
        return False
    reasons = {code for code, *_ in json.loads(row.reasons)}
    good = row.verdict == GOOD or row.operator == ACCEPTED or (row.verdict == "suspicious" and reasons <= BY_COPYING)
    return bool(good and row.whole >= 0 and row.claimed_ns <= row.arrival_ns)


def accept_dates(state: State, adopted: Adopted, ids: Sequence[str], who: str, why: str) -> None:
    """Let snapshots take slots by the dates that they claim, and be good. Their age begins now, as with any word."""
    now_ns = state.clock.now_ns()
    with state.database.write() as connection:
        for one in ids:
            connection.execute(
                snapshot.update()
                .where(snapshot.c.repository == adopted.id, snapshot.c.id == one)
                .values(verdict=GOOD, operator=ACCEPTED, judged_ns=now_ns, dated=1)
            )
            close_incident(connection, adopted.id, Code.SUSPICIOUS, f"snapshots/{one}", now_ns)
        words = f"accepted the claimed dates of {len(ids)} snapshots, {ids[0][:10]} and on"
        state.record(connection, who, adopted.id, words, why)
