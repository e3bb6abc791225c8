"""What was adopted late: objects that came to a folder past the gateway, such as while rest-server served it.

They get their receipts when the gateway starts, and it is said: on standard error, in the log (leaf ``alarm``), and for
a day at /health. Whoever can write to the folder could have planted them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.server_log import LOG
from strongroom.gateway import watch_schema
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.gateway.ledger import Ledger
    from strongroom.gateway.places.repository import ServedRepository

SAID_NS = 86_400 * 10**9


def say(ledger: Ledger, repository: ServedRepository, count: int, names: str) -> None:
    """Tell of so many objects that were adopted. Raises ``Unavailable``."""
    said = f"objects that had come past the gateway were adopted: {count} ({names})"
    ledger.record(LeafType.ALARM, repository.id, detail=said)
    where = repository.label.encode("unicode_escape").decode() or "/"
    LOG.critical(f"{where} ({repository.id}): {said}")
    text = (
        "INSERT INTO adoption (repository, count, at_ns) VALUES (:repository, :count, :now) ON CONFLICT (repository)"
        " DO UPDATE SET count = excluded.count, at_ns = excluded.at_ns"
    )
    with ledger.database.write() as connection:
        now = ledger.database.now_ns(connection)
        connection.execute(sa.text(text), {"repository": repository.id, "count": count, "now": now})


def recent(database: Database) -> int:
    """How many were adopted late within the last day. Raises ``Unavailable``."""
    table = watch_schema.adoption
    with database.read() as connection:
        now = database.now_ns(connection)
        query = sa.select(sa.func.coalesce(sa.func.sum(table.c.count), 0)).where(
            table.c.at_ns > now - SAID_NS, table.c.at_ns <= now
        )
        return int(connection.execute(query).scalar_one())


def forget(database: Database, repository: str) -> None:
    """An operator has explained it. Raises ``Unavailable``."""
    table = watch_schema.adoption
    with database.write() as connection:
        connection.execute(table.delete().where(table.c.repository == repository))
