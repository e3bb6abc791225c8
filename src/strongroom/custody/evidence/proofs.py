"""Keeping what a log proved: heads with their times, and of each name its first receipt with the bounds they give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.custody.schemas.evidence import head, pinned_log, receipt
from strongroom.receipts.log.leaf import ARRIVALS, LeafType

if TYPE_CHECKING:
    from strongroom.custody.evidence.asking import Proven
    from strongroom.receipts.log.leaf import Receipt

_GONE = (LeafType.TRASH, LeafType.PURGE, LeafType.RECONCILED)
BATCH = 1000


def keep(connection: sa.Connection, repository: str, found: Proven, now_ns: int) -> None:
    """Write down what was proven now, by our own clock ``now_ns`` and by the witnesses that ``found`` names."""
    marks = [(size, 1, at_ns) for size, at_ns in found.witnessed]
    if found.head is not None:
        marks.append((found.head.size, 0, now_ns))
    for size, witnessed, at_ns in marks:
        here = sa.and_(head.c.repository == repository, head.c.size == size, head.c.witnessed == witnessed)
        known = connection.execute(sa.select(head.c.at_ns).where(here)).scalar_one_or_none()
        if known is None:  # the first time that it was seen is what proves most
            connection.execute(head.insert().values(repository=repository, size=size, witnessed=witnessed, at_ns=at_ns))
    bounds = Bounds(connection, repository)
    for position, one in found.rows:
        _keep_one(connection, repository, position, one, bounds)
    values: dict[str, Any] = {"served": found.served, "sequence": found.sequence, "previous": found.previous}
    if found.note is not None:
        values["head"] = found.note
    connection.execute(
        pinned_log.update().where(pinned_log.c.repository == repository).values(**values, asked_ns=now_ns, failure="")
    )


class Bounds:
    """Between which times an entry of the log came, as far as heads that were seen prove it."""

    def __init__(self, connection: sa.Connection, repository: str) -> None:
        self._marks = [
            (row.size, row.at_ns)
            for row in connection.execute(sa.select(head.c.size, head.c.at_ns).where(head.c.repository == repository))
        ]

    def of(self, position: int) -> tuple[int | None, int | None]:
        """Earliest and latest time of the entry at an index; None where nothing proves one."""
        before = [at_ns for size, at_ns in self._marks if size <= position]
        after = [at_ns for size, at_ns in self._marks if size > position]
        return max(before, default=None), min(after, default=None)


def _keep_one(connection: sa.Connection, repository: str, position: int, one: Receipt, bounds: Bounds) -> None:
    if not one.kind or (one.type not in ARRIVALS and one.type not in _GONE):
        return
    here = sa.and_(receipt.c.repository == repository, receipt.c.kind == one.kind, receipt.c.name == one.name)
    present = int(one.type in ARRIVALS)
    changed = connection.execute(receipt.update().where(here).values(present=present))
    if changed.rowcount or not present:
        return
    earliest, latest = bounds.of(position)
    connection.execute(
        receipt.insert().values(
            repository=repository,
            kind=one.kind,
            name=one.name,
            sequence=one.sequence,
            position=position,
            time_ns=one.time_ns,
            earliest_ns=earliest,
            latest_ns=latest,
            principal=one.principal,
            suspect=int(one.suspect),
            present=1,
        )
    )
