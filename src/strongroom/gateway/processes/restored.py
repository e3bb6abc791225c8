"""Before anything is served: the database may be a copy that was put back, and so older than what was signed.

What the log says is taken back from the tiles, whatever the copy held. What only the database knew is as old as the
copy, and that is said; a panic that was declared since then is declared again, since the log has its leaf.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.server_log import LOG
from strongroom.gateway import schema as gateway_schema
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.log_state import read_state
from strongroom.receipts.commit.replay import reconcile
from strongroom.receipts.commit.replay_source import Fork
from strongroom.receipts.log.leaf import LeafType, parse

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.gateway.places.contract import Place
    from strongroom.receipts.log.note import Verifier


def bring_up(database: Database, place: Place, verifier: Verifier) -> None:
    """Bring the database up to its log; where that cannot be, note why, before any receipt is promised.

    Raises what the store and the database raise: then the sequencer tries again.
    """
    origin = verifier.name
    try:
        reconcile(database, place.tiles(origin), verifier, None, place.tail(origin), taking=take_back)
    except Fork as error:
        with database.write() as connection:
            newest = read_state(connection)
            assert newest is not None
            connection.execute(schema.log.update().where(schema.log.c.id == newest.id).values(alarm=str(error)))
        LOG.error(f"the log is not signed: {error}")
        return


def take_back(connection: sa.Connection, since: int) -> None:
    """The leaves from ``since`` on were taken back just now: let a panic count again that they declare, and say so.

    Of panics the newest leaf counts; none is ended.
    """
    table, mine = schema.leaf, gateway_schema.repository
    now = read_state(connection)
    assert now is not None
    query = (
        sa.select(table.c.data)
        .where(table.c.log == now.id, table.c.position >= since, table.c.kind == "")
        .order_by(table.c.position)
    )
    panics: dict[str, bool] = {}
    for data in connection.execute(query).scalars():
        receipt = parse(bytes(data))
        if receipt.type is LeafType.PANIC:
            panics[receipt.repository] = receipt.detail.startswith("on")
    for repository, declared in panics.items():
        if declared:
            connection.execute(mine.update().where(mine.c.id == repository).values(panic=1))
    if now.assigned > since:
        LOG.warning(
            f"the database was older than its log: {now.assigned - since} entries were taken back from the tiles."
            " Principals, tokens and quotas are as old as the database: look at `strongroom gateway principal list`"
        )
