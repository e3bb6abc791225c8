"""Receipts and locks' owners, as the protocol's code needs them: one place that knows both database and log."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Full, Unavailable
from strongroom.base.objects import Kind, ObjectName
from strongroom.gateway import schema
from strongroom.receipts.commit import schema as log_schema
from strongroom.receipts.commit.committer import Committed, Draft
from strongroom.receipts.commit.log_state import read_state
from strongroom.receipts.log import promise
from strongroom.receipts.log.leaf import NO_HASH, LeafType

if TYPE_CHECKING:
    from strongroom.base.clock import Clock
    from strongroom.database.engine import Database
    from strongroom.gateway.places.repository import Repository
    from strongroom.receipts.commit.process import Commits
    from strongroom.receipts.log.note import Signer


LONGEST_WINDOW_NS = 86_400 * 10**9
ALARM_SECONDS = 1.0
"""So old what is known of the log's alarm may be."""


class Ledger:
    """What a worker writes down."""

    def __init__(self, database: Database, signer: Signer, clock: Clock, committer: Commits) -> None:
        self.database = database
        self.signer = signer
        self.clock = clock
        self._committer = committer
        self._promising = False
        self._look_at = 0.0

    def close(self) -> None:
        """Commit what waits, and end."""
        self._committer.close()

    def record(
        self,
        kind: LeafType,
        repository: str,
        name: ObjectName | tuple[str, str] | None = None,
        *,
        sha256: str | None = None,
        size: int = 0,
        principal: str = "",
        detail: str = "",
        time_ns: int | None = None,
        unless_present: bool = False,
    ) -> Committed:
        """Make a receipt durable. Raises ``Unavailable``."""
        word, named = (
            ("", NO_HASH) if name is None else name if isinstance(name, tuple) else (name.kind.value, name.name)
        )
        draft = Draft(
            kind,
            repository,
            kind=word,
            name=named,
            sha256=sha256 or NO_HASH,
            size=size,
            principal=principal,
            detail=detail,
            time_ns=time_ns,
            unless_present=unless_present,
        )
        return self._committer.commit(draft)

    def promise(self, committed: Committed) -> str | None:
        """The header's value that promises this receipt; None while the log is not signed: it may not get there."""
        looked = time.monotonic()
        if looked >= self._look_at:
            now = None
            with contextlib.suppress(Unavailable), self.database.read() as connection:
                now = read_state(connection)
            self._promising = now is not None and now.alarm is None
            self._look_at = looked + ALARM_SECONDS
        return promise.make(self.signer, committed.data) if self._promising else None

    def is_frozen(self, repository: Repository) -> bool:
        """Whether a snapshot has ever arrived in the repository, or it was adopted: keys are admitted no more."""
        if repository.state().frozen:
            return True
        table = log_schema.leaf
        query = (
            sa.select(table.c.id)
            .where(table.c.repository == repository.id, table.c.kind == Kind.SNAPSHOT.value)
            .limit(1)
        )
        with self.database.read() as connection:
            found = connection.execute(query).first() is not None
        if found:
            repository.mark(frozen=1)  # for ever: the next one need not look through the log
        return found or repository.state(fresh=True).frozen

    def key_admitted(self, repository: Repository, name: str) -> bool:
        """Whether an open window admits this key."""
        table = schema.key_window
        query = sa.select(table.c.until_ns).where(table.c.repository == repository.id, table.c.name == name)
        with self.database.read() as connection:
            until = connection.execute(query).scalar()
            left = 0 if until is None else int(until) - self.database.now_ns(connection)
            return 0 < left <= LONGEST_WINDOW_NS  # more was written by a clock that was ahead

    def claim_lock(self, repository: Repository, name: str, principal: str, limit: int) -> None:
        """Note who is about to make a lock that is not there; one at a time in a repository.

        Raises ``Full`` when he has as many live ones as he may.
        """
        table = schema.lock
        query = sa.select(table.c.name).where(table.c.repository == repository.id, table.c.principal == principal)
        with self.database.read() as connection:
            names = list(connection.execute(query).scalars())
        gone = []
        if len(names) >= limit:
            gone = [one for one in names if not repository.has(ObjectName(Kind.LOCK, one))]
            if len(names) - len(gone) >= limit:
                raise Full("too many live locks; `restic unlock` removes stale ones")
        text = (  # whoever is in the way made a lock of this name that is there no more
            "INSERT INTO lock_owner (repository, name, principal, created_ns)"
            " VALUES (:repository, :name, :principal, :now) ON CONFLICT (repository, name)"
            " DO UPDATE SET principal = excluded.principal, created_ns = excluded.created_ns"
        )
        with self.database.write() as connection:
            for one in gone:
                connection.execute(table.delete().where(table.c.repository == repository.id, table.c.name == one))
            row = {"repository": repository.id, "name": name, "principal": principal}
            connection.execute(sa.text(text), {**row, "now": self.database.now_ns(connection)})

    def lock_owner(self, repository: Repository, name: str) -> str | None:
        """The principal who made a lock; None when nobody is known to own it."""
        table = schema.lock
        query = sa.select(table.c.principal).where(table.c.repository == repository.id, table.c.name == name)
        with self.database.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else str(found)

    def forget_lock(self, repository: Repository, name: str) -> None:
        """The lock is gone."""
        table = schema.lock
        with self.database.write() as connection:
            connection.execute(table.delete().where(table.c.repository == repository.id, table.c.name == name))
