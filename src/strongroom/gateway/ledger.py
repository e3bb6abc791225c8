"""Receipts, as the protocol's code needs them: one place that knows both database and log."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from strongroom.base.errors import Unavailable
from strongroom.receipts.commit.committer import Committed, Draft
from strongroom.receipts.commit.log_state import read_state
from strongroom.receipts.log import promise
from strongroom.receipts.log.leaf import NO_HASH, LeafType

if TYPE_CHECKING:
    from strongroom.base.clock import Clock
    from strongroom.base.objects import ObjectName
    from strongroom.database.engine import Database
    from strongroom.receipts.commit.process import Commits
    from strongroom.receipts.log.note import Signer


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
        looked = self.clock.monotonic()
        if looked >= self._look_at:
            now = None
            with contextlib.suppress(Unavailable), self.database.read() as connection:
                now = read_state(connection)
            self._promising = now is not None and now.alarm is None
            self._look_at = looked + ALARM_SECONDS
        return promise.make(self.signer, committed.data) if self._promising else None
