"""Committing receipts: durable before the answer, many in one transaction (group commit).

A committer belongs to one process. Whoever asks waits for a future; a thread takes all that wait, gives each its
place in its repository's chain, and commits them together, so that one fsync of the database serves them all.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.receipts.log.leaf import ARRIVALS, NO_HASH, LeafType, check_told, hash_of, spelt
from strongroom.receipts.log.merkle import leaf_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.base.clock import Clock
    from strongroom.database.engine import Database
    from strongroom.database.statements import Statements
    from strongroom.receipts.log.leaf import Told

GROUP = 256
"""At most so many receipts in one transaction."""


class Draft(NamedTuple):
    """What a receipt will say, but for what only the committing transaction knows (chain, time, salt)."""

    type: LeafType
    repository: str
    kind: str = ""
    name: str = NO_HASH
    sha256: str = NO_HASH
    size: int = 0
    principal: str = ""
    detail: str = ""
    time_ns: int | None = None
    """The store's stamp for an adopted object; else the gateway's clock is taken."""
    unless_present: bool = False
    """Commit nothing when the log says that this object is there already."""

    def check(self) -> Draft:
        """The same draft. Raises ``ValueError`` when a field is not of its form.

        Asked once, where a draft is handed in: one bad draft must not fail the group that it would be in.
        """
        check_told(self, self.time_ns)
        return self

    def leaf(
        self,
        sequence: int,
        previous: str,
        *,
        now_ns: int,
        boot: str,
        first: int | None,
        salt: str,
        suspect: bool = False,
    ) -> bytes:
        """The receipt of a draft that was checked, encoded, with what was missing."""
        if self.time_ns is not None:
            now_ns, suspect = self.time_ns, False
        return spelt(self, sequence, previous, now_ns, boot, first, salt, suspect)


class Committed(NamedTuple):
    """A receipt that is durable. ``new`` is false when an older one was found (``Draft.unless_present``)."""

    data: bytes
    new: bool = True

    @property
    def hash(self) -> str:
        """The leaf's hash."""
        return hash_of(self.data)


class Committer:
    """Commits receipts in groups from one thread. Close it, or it ends with the process."""

    def __init__(self, database: Database, clock: Clock, boot: str | None = None, doubt: Doubt | None = None) -> None:
        """``doubt`` says of a time whether the clock was to be trusted then (``clock_watch``)."""
        self._database = database
        self._clock = clock
        self._doubt = doubt or _no_doubt
        self._boot = boot_id() if boot is None else boot
        self._queue: queue.SimpleQueue[tuple[Draft, Future[Committed]] | None] = queue.SimpleQueue()
        self._closed = False
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="receipts", daemon=True)
        self._thread.start()

    def submit(self, draft: Draft) -> Future[Committed]:
        """Ask for a receipt. The future fails with ``Unavailable`` when the database cannot be written.

        Raises ``ValueError`` for a draft that is not of its form.
        """
        draft.check()
        future: Future[Committed] = Future()
        with self._guard:
            if self._closed:
                raise Unavailable("the gateway is stopping")
            self._queue.put((draft, future))
        return future

    def commit(self, draft: Draft) -> Committed:
        """Commit a receipt and wait until it is durable."""
        return self.submit(draft).result()

    def close(self) -> None:
        """Commit what was submitted, and end. Idempotent."""
        with self._guard:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            group = [self._queue.get()]
            while len(group) < GROUP and group[-1] is not None and not self._queue.empty():
                group.append(self._queue.get())
            ended = group[-1] is None
            asked = [item for item in group if item is not None]
            if not asked:
                continue
            try:
                done = commit_group(self._database, [draft for draft, _ in asked], self._clock, self._boot, self._doubt)
            except BaseException as error:  # whatever it is, those who wait must hear of it
                for _, future in asked:
                    future.set_exception(error if isinstance(error, StrongroomError) else Unavailable(repr(error)))
                continue
            for (_, future), committed in zip(asked, done, strict=True):
                future.set_result(committed)


Doubt = Callable[[int], str]
"""Why the clock is in doubt at a time of its own, in nanoseconds; empty when it is not."""


def _no_doubt(_now_ns: int) -> str:
    return ""


Signed = Callable[[], tuple[str, int]]
"""The log's origin, and how many of its leaves are under the newest head that was kept."""
_UP_TO_DATE = "SELECT 1 FROM log WHERE origin = ? AND (assigned >= ? OR alarm IS NOT NULL)"
"""While an alarm stands, nothing is promised: what comes is stored, and chained anew when the log goes on."""


def nothing_signed() -> tuple[str, int]:
    """Where there is no log yet."""
    return "", 0


def commit_group(
    database: Database,
    drafts: Sequence[Draft],
    clock: Clock,
    boot: str,
    doubt: Doubt = _no_doubt,
    signed: Signed = nothing_signed,
) -> list[Committed]:
    """Commit receipts in one transaction, in their order. Durable on return. The drafts were checked.

    Raises ``Unavailable``, also while the database has fewer leaves than were ``signed``: it was put back from a copy,
    and what went on from its end would contradict the log.
    """
    origin, size = signed()
    with database.statements() as sql:
        if size and not sql.rows(_UP_TO_DATE, origin, size):
            raise Unavailable(f"the database is older than the log, of which {size} leaves were signed", subject=origin)
        # One order of locking, or two groups could wait for each other.
        heads = {at: _head(sql, at, locked=not database.is_sqlite) for at in sorted({d.repository for d in drafts})}
        history: dict[Names, ChainHistory] = {}
        rows: list[tuple[object, ...]] = []
        done: list[Committed] = []
        for draft in drafts:
            key = (draft.repository, draft.kind, draft.name)
            past = history.get(key)
            if past is None:
                past = history[key] = _history(sql, key) if draft.kind else ChainHistory(None, None)
            if draft.unless_present and past.present is not None:
                done.append(Committed(past.present, new=False))
                continue
            sequence, head = heads[draft.repository]
            now_ns = clock.now_ns()
            salt, suspect = os.urandom(16).hex(), bool(doubt(now_ns))
            data = draft.leaf(sequence, head, now_ns=now_ns, boot=boot, first=past.first, salt=salt, suspect=suspect)
            done.append(Committed(data))
            digest, present = leaf_hash(data), draft.type in ARRIVALS
            rows.append(_values(draft, sequence, present, digest, data))
            heads[draft.repository] = (sequence + 1, digest.hex())
            if draft.kind:
                first = sequence if past.first is None else past.first
                history[key] = ChainHistory(first, data if present else None)
        if rows:
            sql.many(_INSERT, rows)
            sql.many(
                "UPDATE chain SET next = ?, head = ? WHERE repository = ?",
                [(heads[at][0], heads[at][1], at) for at in sorted({str(row[0]) for row in rows})],
            )
    return done


class LeafRow(TypedDict):
    """The columns of a leaf without an index, in the order of ``COLUMNS``."""

    repository: str
    sequence: int
    kind: str
    name: str
    present: int
    hash: bytes
    data: bytes


def row_of(told: Told, sequence: int, data: bytes) -> LeafRow:
    """A receipt as a row of the table, without an index. ``data`` is its spelling."""
    return {
        "repository": told.repository,
        "sequence": sequence,
        "kind": told.kind,
        "name": told.name,
        "present": int(told.type in ARRIVALS),
        "hash": leaf_hash(data),
        "data": data,
    }


def _values(told: Told, sequence: int, present: bool, digest: bytes, data: bytes) -> tuple[object, ...]:
    """``row_of`` as plain values: no dictionary for each receipt."""
    return (told.repository, sequence, told.kind, told.name, int(present), digest, data)


COLUMNS = tuple(LeafRow.__annotations__)
_INSERT = f"INSERT INTO leaf ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"

Names = tuple[str, str, str]
"""Repository, kind, name."""


class ChainHistory(NamedTuple):
    """Of a name: the sequence number of its first receipt, and its newest one if that says that it is there."""

    first: int | None
    present: bytes | None


def _head(sql: Statements, repository: str, *, locked: bool) -> tuple[int, str]:
    query = "SELECT next, head FROM chain WHERE repository = ?" + (" FOR UPDATE" if locked else "")
    found = sql.rows(query, repository)
    if not found:
        text = "INSERT INTO chain (repository, next, head) VALUES (?, 0, ?) ON CONFLICT DO NOTHING"
        sql.many(text, [(repository, NO_HASH)])
        found = sql.rows(query, repository)
    return int(found[0][0]), str(found[0][1])


def _history(sql: Statements, key: Names) -> ChainHistory:
    query = "SELECT sequence, present, data FROM leaf WHERE repository = ? AND kind = ? AND name = ? ORDER BY id"
    found = sql.rows(query, *key)
    if not found:
        return ChainHistory(None, None)
    last = found[-1]
    return ChainHistory(int(found[0][0]), bytes(last[2]) if last[1] else None)


def boot_id() -> str:
    """The ID of the system's boot, or empty where there is none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
