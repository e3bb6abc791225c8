"""The sequencer's lease: of any number of processes one works at a time. Nothing is wrong where two believe in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.receipts.commit import schema

if TYPE_CHECKING:
    from strongroom.database.engine import Database

LEASE_SECONDS = 3.0
"""Below the five seconds that may lie between an answer and its checkpoint, so that another takes over in time."""
NAME = "sequencer"


class SequencerLease:
    """One process's claim to be the sequencer, by the database's clock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner = f"{os.getpid()}-{os.urandom(8).hex()}"
        self.unbroken = False
        """Whether the lease was ours already when it was last taken, so that no other can have worked between."""

    def take(self) -> bool:
        """Take or renew the lease. Whether it is ours now. Raises ``Unavailable``."""
        table = schema.lease
        with self._database.write() as connection:
            now = self._database.now_ns(connection)
            until = now + int(LEASE_SECONDS * 1e9)
            row = connection.execute(sa.select(table).where(table.c.name == NAME).with_for_update()).first()
            if row is None:
                self.unbroken = False
                text = "INSERT INTO lease VALUES (:name, :owner, :until) ON CONFLICT DO NOTHING"
                done = connection.execute(sa.text(text), {"name": NAME, "owner": self._owner, "until": until})
                return done.rowcount == 1
            # A lease that ends later than any could was written before the clock went back: it is void.
            running = now <= row.until_ns <= until
            self.unbroken = running and row.owner == self._owner
            if running and not self.unbroken:
                return False
            if self.unbroken and row.until_ns - now > (until - now) // 2:
                return True  # renewing each round would cost an fsync each round
            connection.execute(table.update().where(table.c.name == NAME).values(owner=self._owner, until_ns=until))
            return True

    def give_back(self) -> None:
        """Let another work at once. Raises ``Unavailable``."""
        with self._database.write() as connection:
            table = schema.lease
            connection.execute(table.delete().where(table.c.name == NAME, table.c.owner == self._owner))
