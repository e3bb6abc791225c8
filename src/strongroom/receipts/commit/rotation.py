"""Beginning a new log where the old one cannot go on: its key is lost or to be changed, or its database forked.

The new log has an origin of its own, a key of its own, and as its first leaf the last checkpoint of the old one, so
that whoever trusted the old log can see where it ended. An operator pins the new key; no program does so by itself.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, UsageError
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.committer import boot_id, row_of
from strongroom.receipts.commit.log_state import grow_tiles, read_state
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.leaf import GATEWAY, NO_HASH, LeafType, Receipt, hash_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.base.clock import Clock
    from strongroom.database.engine import Database

_NUMBERED = re.compile(r"(.*?)([0-9]*)\Z")


def next_origin(origin: str) -> str:
    """The origin of the log after this one: ``…/log``, ``…/log2``, ``…/log3``."""
    match = _NUMBERED.match(origin)
    assert match
    return f"{match[1]}{int(match[2] or '1') + 1}"


def rotate(database: Database, origin: str, last: Sequence[bytes | None], clock: Clock) -> Receipt:
    """Begin the log ``origin`` with the old log's last checkpoint as its first leaf; that leaf.

    ``last`` are checkpoints known elsewhere (the tile store's, the newest that was kept); the newest of all is taken.
    Leaves of the old log that no checkpoint covers get their place in the new one. Raises ``UsageError`` when there is
    nothing to continue.
    """
    table = schema.leaf
    with database.write() as connection:
        old = read_state(connection)
        if old is None or old.origin == origin:
            raise UsageError("there is no log to continue")
        newest = _newest(old.checkpoint, *last)
        if newest is None:
            raise UsageError("nothing was ever signed: there is no log to continue")
        connection.execute(
            table.update()
            .where(table.c.log == old.id, table.c.position >= old.published)
            .values(log=None, position=None)
        )
        connection.execute(
            schema.log.insert(),
            {
                "id": old.id + 1,
                "origin": origin,
                "assigned": 1,
                "published": 0,
                "cosigned_ns": 0,
                "stored": 0,
                "stored_ns": 0,
            },
        )
        chain = schema.chain
        row = connection.execute(sa.select(chain).where(chain.c.repository == GATEWAY)).first()
        receipt = Receipt(
            type=LeafType.ORIGIN,
            repository=GATEWAY,
            sequence=row.next if row else 0,
            previous=row.head if row else NO_HASH,
            kind="",
            name=NO_HASH,
            sha256=NO_HASH,
            size=0,
            principal="",
            time_ns=clock.now_ns(),
            boot=boot_id(),
            suspect=False,
            first=None,
            detail=newest.text(),
            salt=os.urandom(16).hex(),
        )
        data = receipt.encode()
        connection.execute(
            table.insert(), {**row_of(receipt, receipt.sequence, data), "log": old.id + 1, "position": 0}
        )
        connection.execute(chain.delete().where(chain.c.repository == GATEWAY))
        end = {"repository": GATEWAY, "next": receipt.sequence + 1, "head": hash_of(data)}
        connection.execute(chain.insert(), end)
        grow_tiles(connection, old.id + 1, 0, [bytes.fromhex(hash_of(data))])
    return receipt


def _newest(*found: bytes | None) -> checkpoints.Checkpoint | None:
    best: checkpoints.Checkpoint | None = None
    for data in found:
        try:
            one = checkpoints.parse(data) if data else None
        except Damaged:
            continue
        if one is not None and (best is None or one.size > best.size):
            best = one
    return best
