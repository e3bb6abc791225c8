"""Store against log: when things arrived by their receipts, what has none, and what only the log has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import ObjectName
from strongroom.custody.arrival import CLAIMED, RECEIPT, SLACK_NS
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident, open_things
from strongroom.custody.schemas.evidence import creation, receipt
from strongroom.custody.schemas.main import stored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.state import Adopted, Lease, State

_SAME = sa.and_(
    receipt.c.repository == stored.c.repository, receipt.c.kind == stored.c.kind, receipt.c.name == stored.c.name
)


def date_by_receipts(
    state: State, lease: Lease, adopted: Adopted, fresh: Iterable[ObjectName], last_look_ns: int, now_ns: int
) -> None:
    """Give what is new the arrival of its first receipt, within what rounds and heads prove.

    What was there at adoption has that for its claim, since nobody of ours witnessed it.
    """
    new = {(one.kind.value, one.name) for one in fresh}
    query = (
        sa.select(stored.c.kind, stored.c.name, stored.c.evidence, stored.c.arrival_ns, receipt.c.time_ns)
        .add_columns(receipt.c.earliest_ns.label("not_before_ns"), receipt.c.latest_ns.label("not_after_ns"))
        .select_from(stored.join(receipt, _SAME))
        .where(stored.c.repository == adopted.id, stored.c.gone_ns.is_(None), stored.c.evidence != RECEIPT)
    )
    with state.database.read() as connection:
        rows = [
            row
            for row in connection.execute(query)
            if (row.kind, row.name) in new
            or (row.evidence == CLAIMED and row.arrival_ns != _claimed_ns(adopted, row.time_ns))
        ]
    if not rows:
        return
    with state.writing(lease) as connection:
        for row in rows:
            _date(connection, adopted, row, last_look_ns, now_ns)


def _date(connection: sa.Connection, adopted: Adopted, row: Any, last_look_ns: int, now_ns: int) -> None:
    here = sa.and_(stored.c.repository == adopted.id, stored.c.kind == row.kind, stored.c.name == row.name)
    if row.evidence == CLAIMED:
        claimed_ns = _claimed_ns(adopted, row.time_ns)
        connection.execute(stored.update().where(here).values(arrival_ns=claimed_ns, earliest_ns=claimed_ns))
        return
    earliest_ns = max(last_look_ns, row.not_before_ns or 0)
    latest_ns = max(earliest_ns, now_ns if row.not_after_ns is None else min(now_ns, row.not_after_ns))
    arrival_ns = max(earliest_ns, min(row.time_ns, latest_ns))
    connection.execute(
        stored.update().where(here).values(arrival_ns=arrival_ns, earliest_ns=arrival_ns, evidence=RECEIPT)
    )
    if abs(arrival_ns - row.time_ns) > SLACK_NS:
        minutes = abs(arrival_ns - row.time_ns) // (60 * 10**9)
        words = f"its receipt is dated {minutes} minutes outside the time that rounds and witnesses prove"
        open_incident(connection, adopted.id, Code.CLOCK, f"{row.kind}/{row.name}", words, now_ns)


def _claimed_ns(adopted: Adopted, time_ns: int) -> int:
    """What a receipt from before adoption is good for: a claim, no later than that."""
    return max(0, min(time_ns, adopted.adopted_ns))


def unlogged(connection: sa.Connection, repository: str) -> set[tuple[str, str]]:
    """Kind and name of what is in the store, and neither in the log nor made by us."""
    ours = sa.and_(
        creation.c.repository == stored.c.repository, creation.c.name == stored.c.kind.concat("/").concat(stored.c.name)
    )
    rows = connection.execute(
        sa.select(stored.c.kind, stored.c.name)
        .select_from(stored.outerjoin(receipt, _SAME).outerjoin(creation, ours))
        .where(
            stored.c.repository == repository,
            stored.c.gone_ns.is_(None),
            sa.or_(receipt.c.name.is_(None), receipt.c.present == 0),
            creation.c.name.is_(None),
        )
    )
    return {(row.kind, row.name) for row in rows}


def compare(
    state: State, lease: Lease, adopted: Adopted, fresh: Iterable[ObjectName], now_ns: int
) -> tuple[list[str], list[str]]:
    """Open and close what log and store say differently: names without a receipt for longer than a round, and names
    that only the log has."""
    new = {(one.kind.value, one.name) for one in fresh}
    with state.writing(lease) as connection:
        without = {f"{kind}/{name}" for kind, name in unlogged(connection, adopted.id) - new}
        only = {f"{row.kind}/{row.name}" for row in _only_in_log(connection, adopted.id)}
        before = open_things(connection, adopted.id)
        for thing in sorted(without):
            words = "the store has it, the gateway's log has no receipt for it: it came past the gateway"
            open_incident(connection, adopted.id, Code.UNLOGGED, thing, words, now_ns)
        for thing in sorted(only):
            words = "the gateway's log has it, and the store never showed it"
            open_incident(connection, adopted.id, Code.MISSING, thing, words, now_ns)
        for code, thing in before:
            if code == Code.UNLOGGED.value and thing not in without:
                close_incident(connection, adopted.id, Code.UNLOGGED, thing, now_ns)
            if code == Code.MISSING.value and thing not in only and _is_there(connection, adopted.id, thing):
                close_incident(connection, adopted.id, Code.MISSING, thing, now_ns)
    return sorted(without), sorted(only)


def _only_in_log(connection: sa.Connection, repository: str) -> list[Any]:
    return list(
        connection.execute(
            sa.select(receipt.c.kind, receipt.c.name)
            .select_from(receipt.outerjoin(stored, _SAME))
            .where(
                receipt.c.repository == repository,
                receipt.c.present == 1,
                receipt.c.kind.in_(("snapshots", "index", "data", "keys")),
                stored.c.name.is_(None),
            )
        )
    )


def _is_there(connection: sa.Connection, repository: str, thing: str) -> bool:
    kind, _, name = thing.partition("/")
    found = connection.execute(
        sa.select(stored.c.name).where(
            stored.c.repository == repository,
            stored.c.kind == kind,
            stored.c.name == name,
            stored.c.gone_ns.is_(None),
        )
    ).one_or_none()
    return found is not None


def evidence_of(connection: sa.Connection, repository: str, kind: str, name: str) -> Any:
    """How an object's arrival is known: its row with the receipt's columns, None where it was never seen."""
    return connection.execute(
        sa.select(
            stored.c.evidence,
            stored.c.arrival_ns,
            receipt.c.sequence,
            receipt.c.position,
            receipt.c.time_ns,
            receipt.c.earliest_ns,
            receipt.c.latest_ns,
            receipt.c.principal,
            receipt.c.suspect,
        )
        .select_from(stored.outerjoin(receipt, _SAME))
        .where(stored.c.repository == repository, stored.c.kind == kind, stored.c.name == name)
    ).one_or_none()
