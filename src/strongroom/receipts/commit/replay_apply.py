"""Putting leaves that were published before into a database that lacks them, in one transaction."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Unavailable
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.committer import row_of
from strongroom.receipts.commit.log_state import change, grow_tiles
from strongroom.receipts.log.leaf import hash_of, parse
from strongroom.receipts.log.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.database.engine import Database
    from strongroom.receipts.commit.log_state import LogState


def apply_leaves(
    database: Database,
    before: LogState,
    base: int,
    leaves: Sequence[bytes],
    taking: Callable[[sa.Connection, int], None] = lambda _connection, _since: None,
) -> None:
    """Make these the leaves from ``base`` on; those that are pending already get their place.

    ``taking`` is called at the end, in the same transaction, with how many leaves there had been.

    What was taken in meanwhile (without a promise, while an alarm stood) goes on behind them in its repository's chain.
    Raises ``Unavailable`` when the log moves meanwhile.
    """
    table = schema.leaf
    with database.write() as connection:
        if not change(connection, before.id, {"assigned": before.assigned}, assigned=base + len(leaves)):
            raise Unavailable("the log moved while it was replayed")
        connection.execute(
            table.update().where(table.c.log == before.id, table.c.position >= base).values(log=None, position=None)
        )
        for position, data in enumerate(leaves, base):
            receipt = parse(data)
            row = row_of(receipt, receipt.sequence, data)
            query = sa.select(table.c.id).where(
                table.c.repository == receipt.repository,
                table.c.sequence == receipt.sequence,
                table.c.hash == row["hash"],
                table.c.position.is_(None),
            )
            known = connection.execute(query).scalar()
            place = {"log": before.id, "position": position}
            if known is None:
                connection.execute(table.insert(), {**row, **place})
            else:
                connection.execute(table.update().where(table.c.id == known).values(**place))
            _advance_chain(connection, receipt.repository, receipt.sequence + 1, hash_of(data))
        grow_tiles(connection, before.id, base, [leaf_hash(data) for data in leaves])
        _rechain(connection)
        taking(connection, before.assigned)


def _advance_chain(connection: sa.Connection, repository: str, following: int, head: str) -> None:
    chain = schema.chain
    found = connection.execute(sa.select(chain.c.next).where(chain.c.repository == repository)).scalar()
    if found is None:
        connection.execute(chain.insert(), {"repository": repository, "next": following, "head": head})
    elif found < following:
        connection.execute(chain.update().where(chain.c.repository == repository).values(next=following, head=head))


def _rechain(connection: sa.Connection) -> None:
    """Let what is pending go on where the chains end in the log. Of most of it nothing changes.

    What changes was taken in by a database that had been put back: while an alarm stood, so that no promise was made of
    it, or by an operator's verb. A promise that was made all the same is broken, rather than everybody's log.
    """
    table, chain = schema.leaf, schema.chain
    pending = connection.execute(
        sa.select(table.c.id, table.c.repository, table.c.data).where(table.c.position.is_(None)).order_by(table.c.id)
    ).all()
    ends: dict[str, tuple[int, str]] = {}
    for row in pending:
        if row.repository not in ends:
            query = (
                sa.select(table.c.sequence, table.c.hash)
                .where(table.c.repository == row.repository, table.c.position.is_not(None))
                .order_by(table.c.sequence.desc())
                .limit(1)
            )
            last = connection.execute(query).first()
            ends[row.repository] = (0, "0" * 64) if last is None else (last.sequence + 1, bytes(last.hash).hex())
        sequence, previous = ends[row.repository]
        data = dataclasses.replace(parse(bytes(row.data)), sequence=sequence, previous=previous).encode()
        values = {"sequence": sequence, "data": data, "hash": leaf_hash(data)}
        connection.execute(table.update().where(table.c.id == row.id).values(**values))
        ends[row.repository] = (sequence + 1, hash_of(data))
    for repository, (following, head) in ends.items():
        connection.execute(chain.update().where(chain.c.repository == repository).values(next=following, head=head))
