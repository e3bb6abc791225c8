"""The evaluator: one at a time over all processes that share the database, by a lease with a number that only grows.

Each turn judges everything and moves the alerts. A turn that is lost changes nothing.
"""

from __future__ import annotations

import os
import secrets
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import StrongroomError
from strongroom.base.server_log import LOG
from strongroom.fleet.server.alerting.book import advance
from strongroom.fleet.server.following.ending import EndingFiles
from strongroom.fleet.server.pruning import prune
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.standing import standing

if TYPE_CHECKING:
    from strongroom.fleet.server.alerting.machine import Notice
    from strongroom.fleet.server.state import FleetState

LEASE = "evaluator"
NO_FILES = EndingFiles()
LEASE_SECONDS = 60
WRONG_CLOCK = 3600
"""A lease that lasts for so much longer than one was taken by a clock that has been set since."""
TURN_SECONDS = 10.0
"""Between two turns: a backup that is late is said within a minute."""


class Evaluator:
    """Judges in turns, while it has the lease. ``turn`` may be called from one thread."""

    def __init__(self, state: FleetState, files: EndingFiles = NO_FILES) -> None:
        """``files``: what of the server's ends by itself."""
        self._state = state
        self._files = files
        self._holder = f"{os.uname().nodename}:{os.getpid()}:{secrets.token_hex(4)}"
        self._fence = 0
        self.turned: int | None = None
        """When the last whole turn began, in seconds since 1970."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def leads(self) -> bool:
        """Whether the last turn was ours, and is not long ago."""
        return self.turned is not None and self._state.now() < self.turned + LEASE_SECONDS

    def turn(self) -> list[Notice] | None:
        """One turn; what is to be said, or None while another process has the lease. Raises ``Unavailable``."""
        now = self._state.now()
        if not self._claim(now):
            self.turned = None
            return None
        found = standing(self._state, now)
        with self._state.database.write() as connection:
            if not self._holds(connection):
                return None
            notices = advance(
                connection,
                [*found.wrong, *self._files.soon(now)],
                found.hosts,
                now,
                ends=not found.clock_in_doubt,
            )
        self.turned = now
        return notices

    def _claim(self, now: int) -> bool:
        try:
            with self._state.database.write() as connection:
                return self._claim_in(connection, now)
        except sa.exc.IntegrityError:  # another process has written the very first lease at this moment
            return False

    def _claim_in(self, connection: sa.Connection, now: int) -> bool:
        table = schema.lease
        query = sa.select(table).where(table.c.name == LEASE).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is not None and row.holder != self._holder and now < row.until < now + WRONG_CLOCK:
            return False
        if row is not None and row.holder == self._holder:
            self._fence = row.fence
        else:
            self._fence = 1 if row is None else row.fence + 1
        values = {"holder": self._holder, "fence": self._fence, "until": now + LEASE_SECONDS}
        if row is None:
            connection.execute(table.insert(), values | {"name": LEASE})
        else:
            connection.execute(table.update().where(table.c.name == LEASE).values(**values))
        return True

    def _holds(self, connection: sa.Connection) -> bool:
        """Whether the lease is ours still; nobody takes it before this transaction has ended."""
        table = schema.lease
        query = sa.select(table.c.fence, table.c.holder).where(table.c.name == LEASE).with_for_update()
        return connection.execute(query).one_or_none() == (self._fence, self._holder)

    def start(self) -> None:
        """Turn in a thread of its own until ``close``."""
        self._thread = threading.Thread(target=self._run, name="evaluator", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self.turn() is not None:
                    prune(self._state, self._state.now())
            except StrongroomError as error:
                LOG.error(f"nothing was judged: {error.what}")
            except Exception as error:  # a fault of ours must not end the alarms: the next turn is tried
                LOG.error(f"nothing was judged: {type(error).__name__}: {error}")
            self._stop.wait(TURN_SECONDS)

    def close(self) -> None:
        """End after the turn that is on, and give the lease back. Idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        table = schema.lease
        with self._state.database.write() as connection:
            where = table.c.name == LEASE, table.c.holder == self._holder
            connection.execute(table.update().where(*where).values(until=0))
