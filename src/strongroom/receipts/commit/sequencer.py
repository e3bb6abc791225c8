"""The sequencer: gives pending receipts their index, writes tiles, and signs the new head.

Any number of processes run one; a lease lets one work at a time. Correctness does not hang on the lease: the index is
given in one transaction that compares and swaps the number of assigned leaves, tiles are a function of what was
assigned, and a head is published by a second compare and swap. So two sequencers that both believe in their lease
write the same tiles, and one of them loses without harm.

The order of a step: assign (durable) → full tiles and bundles into the store → compare with the newest head that was
kept → sign → keep the head (durable, ``tail``) → publish. The indexes are given before tiles are written, not after,
because a tile that a loser wrote from its own order could never be replaced. A head is kept before anybody can see it,
so that a database that is put back from a copy never leads to another.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import StrongroomError
from strongroom.base.server_log import LOG
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.lease import SequencerLease
from strongroom.receipts.commit.log_state import change, entries, grow_tiles, read_state, root_at, state
from strongroom.receipts.commit.replay import HEADS, reconcile
from strongroom.receipts.commit.replay_source import Fork
from strongroom.receipts.commit.tail import first_entry
from strongroom.receipts.commit.tile_writing import write_full, write_partial
from strongroom.receipts.log.checkpoint import Checkpoint
from strongroom.receipts.log.tiles import KEY_FILE
from strongroom.storage.local.os_errors import store_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.base.clock import Clock
    from strongroom.database.engine import Database
    from strongroom.receipts.commit.log_state import LogState
    from strongroom.receipts.commit.replay import Witnessed
    from strongroom.receipts.commit.tail import Tail
    from strongroom.receipts.log.note import Signer
    from strongroom.storage.own.contract import OwnFiles

BATCH = 4096
"""At most so many leaves get an index in one transaction."""
PAUSE_SECONDS = 0.5
ALARM_SECONDS = 5.0
"""While an alarm stands everything is compared anew after so long."""
CHECK_SECONDS = 60.0
"""At least this often the head is compared with the store's and the witness's newest."""
STORE_SECONDS = 600.0
"""At most this often a checkpoint, with the partial tiles that it needs, goes to the store."""


class Sequencer:
    """One process's sequencer. ``step`` does a round; ``start`` does rounds in a thread until ``close``."""

    def __init__(
        self,
        database: Database,
        store: OwnFiles,
        signer: Signer,
        clock: Clock,
        *,
        witness: Witnessed | None = None,
        tail: Tail | None = None,
        news: Callable[[], int] = lambda: 0,
        taking: Callable[[sa.Connection, int], None] = lambda _connection, _base: None,
        store_seconds: float = STORE_SECONDS,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        """``news`` is a number that changes when the witness remembers something else than before; ``taking``: as
        for ``reconcile``."""
        self._database = database
        self._store = store
        self._signer = signer
        self._clock = clock
        self._witness = witness
        self._tail = tail
        self._news = news
        self._taking = taking
        self._compared_news = 0
        self._alarmed = False
        self._store_seconds = store_seconds
        self._pause = pause
        self._lease = SequencerLease(database)
        self._started = False
        self._checked = False
        """Whether the head was compared with what was said before, since the lease was taken."""
        self._checked_at = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: str | None = None
        """What went wrong in the last step, for /health; None when it went well."""

    def start(self) -> None:
        """Work in a thread of this process. The verifier key goes beside the tiles, for a first look at the log."""
        with contextlib.suppress(StrongroomError):
            self._store.write_once(KEY_FILE, f"{self._signer.verifier}\n".encode())
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Publish what is pending, if this one holds the lease, and give the lease back. Idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with contextlib.suppress(StrongroomError):
            while self.step():
                pass
            self._keep(state(self._database), ending=True)
            self._lease.give_back()

    def _run(self) -> None:
        while not self._stop.is_set():
            more = False
            try:
                more = self.step()
            except Exception as error:  # a full disk's OSError, too: receipts wait, and the next round tries again
                words = _in_words(error)
                if words != self.failure:
                    LOG.error(f"the log is not signed, and receipts wait: {_at_length(error)}")
                self.failure = words
                self._checked = False
            if not more:
                self._stop.wait(ALARM_SECONDS if self._alarmed else self._pause)

    def step(self) -> bool:
        """One round, when this one has or gets the lease. Whether there is more to do at once.

        Raises ``Unavailable`` and whatever the store raises; nothing is signed then, and the next step tries again.
        """
        if self._started and self.failure is None and self._news() == self._compared_news and self._idle():
            return False
        held = self._lease.take()
        self._checked = self._checked and self._lease.unbroken
        if not held:
            return False
        if self._unsure() and not self._compare():
            return False
        ending = not self._started  # what an earlier run signed is kept at once: its ten minutes may never have come
        count = self._assign()
        before = state(self._database)
        if (before.published < before.assigned or before.checkpoint is None) and not self._publish(before):
            self._checked = False  # another head was kept than this database leads to
            return False
        self._keep(state(self._database), ending=ending)
        self._started, self.failure = True, None
        return count == BATCH

    def _compare(self) -> bool:
        """Compare the database with all that was said before; whether it may be signed on."""
        heads = 1 if self._checked else HEADS
        news = self._news()
        before = state(self._database).alarm
        try:
            asked = reconcile(
                self._database,
                self._store,
                self._signer.verifier,
                self._witness,
                self._tail,
                heads=heads,
                taking=self._taking,
            )
        except Fork as error:
            self._alarm(str(error))
            self.failure = str(error)
            return False
        if before is not None and "the witness" in before and not asked:
            self._alarmed, self.failure = True, before  # nobody has taken it back: the witness only says nothing now
            return False
        self._alarm(None)
        self._compared_news = news
        self._checked = True
        self._checked_at = self._clock.monotonic()
        return True

    def _unsure(self) -> bool:
        """Whether the head has to be compared with what was said before: after a pause, each minute, and at news."""
        due = self._clock.monotonic() - self._checked_at > CHECK_SECONDS
        told = self._news() != self._compared_news
        return not self._checked or due or told or state(self._database).alarm is not None

    def _idle(self) -> bool:
        """Whether nothing is pending, unsigned or to be kept: then no lease is taken, which would cost an fsync."""
        kept = self._tail.size() if self._tail is not None else 0
        with self._database.read() as connection:
            now = read_state(connection)
            if now is not None and now.assigned < kept:
                self._checked = False  # the database was put back from a copy while we run
                return False
            pending = sa.select(schema.leaf.c.id).where(schema.leaf.c.position.is_(None)).limit(1)
            if now is None or connection.execute(pending).first() is not None:
                return False
        return now.alarm is None and now.checkpoint is not None and now.published == now.assigned and not self._due(now)

    def _due(self, now: LogState, *, ending: bool = False) -> bool:
        """Whether a checkpoint has to go to the store."""
        if now.checkpoint is None or now.alarm is not None or (now.stored == now.published and now.stored_ns):
            return False
        return ending or not now.stored_ns <= self._clock.now_ns() < now.stored_ns + int(self._store_seconds * 1e9)

    def _assign(self) -> int:
        """Give the next pending leaves their index. How many there were."""
        table = schema.leaf
        query = sa.select(table.c.id, table.c.hash).where(table.c.position.is_(None)).order_by(table.c.id).limit(BATCH)
        with self._database.read() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return 0
        with self._database.write() as connection:
            now = read_state(connection)
            assert now is not None
            pending = connection.execute(query).all()
            size = now.assigned + len(pending)
            if not pending or not change(connection, now.id, {"assigned": now.assigned}, assigned=size):
                return 0  # another sequencer was faster
            self._database.many(
                connection,
                "UPDATE leaf SET log = ?, position = ? WHERE id = ?",
                [(now.id, position, row.id) for position, row in enumerate(pending, now.assigned)],
            )
            grow_tiles(connection, now.id, now.assigned, [bytes(row.hash) for row in pending])
        return len(pending)

    def _publish(self, before: LogState) -> bool:
        """Write the tiles that became full, sign, keep, publish. False when the newest kept head forbids it."""
        size = before.assigned
        with self._database.read() as connection:
            write_full(connection, self._store, before.id, before.published, size)
        with contextlib.ExitStack() as stack:
            if self._tail is not None:
                stack.enter_context(self._tail.turn())
            last = self._tail.read_signed() if self._tail is not None else None
            with self._database.read() as connection:
                if last is not None and not _continues(connection, before, last.head):
                    return False
                root = root_at(connection, before.id, size)
                rest = entries(connection, before.id, first_entry(size), size)
            head = Checkpoint(before.origin, size, root).signed(self._signer)
            if self._tail is not None:
                self._tail.keep(head, rest)
        expected = {"published": before.published, "alarm": None}
        with self._database.write() as connection:
            change(connection, before.id, expected, published=size, checkpoint=head.encode())
        return True

    def _keep(self, now: LogState, *, ending: bool = False) -> None:
        """Put the newest checkpoint, with its partial tiles, into the store when it is time, or at the end."""
        if now.checkpoint is None or not self._due(now, ending=ending):
            return
        with self._database.read() as connection:
            write_partial(connection, self._store, now.id, now.published)
        self._store.write_once(f"checkpoint/{now.published}", now.checkpoint)
        with self._database.write() as connection:
            change(connection, now.id, {"stored": now.stored}, stored=now.published, stored_ns=self._clock.now_ns())

    def _alarm(self, text: str | None) -> None:
        self._alarmed = text is not None
        with self._database.read() as connection:
            now = read_state(connection)
        if now is not None and now.alarm != text:
            with self._database.write() as connection:
                connection.execute(schema.log.update().where(schema.log.c.id == now.id).values(alarm=text))


def _continues(connection: sa.Connection, now: LogState, kept: Checkpoint) -> bool:
    """Whether what is about to be signed continues a head that was kept."""
    return kept.size <= now.assigned and root_at(connection, now.id, kept.size) == kept.root


def _at_length(error: Exception) -> str:
    """What standard error says, with the path, its owner and what to do."""
    if isinstance(error, OSError):
        return str(store_error(error, str(error.filename or "")))
    return str(error) if isinstance(error, StrongroomError) else repr(error)


def _in_words(error: Exception) -> str:
    """What people read at /health, which names no path and no host."""
    if isinstance(error, OSError) and error.strerror:
        return f"the log cannot be written: {error.strerror}"
    return error.what if isinstance(error, StrongroomError) else repr(error)
