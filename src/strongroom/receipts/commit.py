"""Committing receipts: durable before the answer, many in one transaction (group commit).

A committer belongs to one process. Whoever asks waits for a future; a thread takes all that wait, gives each its
place in its repository's chain, and commits them together, so that one fsync of the database serves them all.
"""

from __future__ import annotations

import os
import queue
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.receipts.leaf import ARRIVALS, NO_HASH, LeafType, Receipt, hash_of
from strongroom.receipts.schema import chain, leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from strongroom.base.clock import Clock
    from strongroom.receipts.database import Database

GROUP = 256
"""At most so many receipts in one transaction."""


@dataclass(frozen=True, slots=True)
class Draft:
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
    suspect: bool = False
    unless_present: bool = False
    """Commit nothing when the log says that this object is there already."""

    def __post_init__(self) -> None:
        self.receipt(
            0, NO_HASH, now_ns=0, boot="", first=None, salt=NO_HASH[:32]
        )  # one bad draft must not fail the group it would be in

    def receipt(self, sequence: int, previous: str, *, now_ns: int, boot: str, first: int | None, salt: str) -> Receipt:
        """The receipt, with what was missing. Raises ``ValueError`` when a field is not of its form."""
        return Receipt(
            type=self.type,
            repository=self.repository,
            sequence=sequence,
            previous=previous,
            kind=self.kind,
            name=self.name,
            sha256=self.sha256,
            size=self.size,
            principal=self.principal,
            time_ns=now_ns if self.time_ns is None else self.time_ns,
            boot=boot,
            suspect=self.suspect,
            first=first,
            detail=self.detail,
            salt=salt,
        )


@dataclass(frozen=True, slots=True)
class Committed:
    """A receipt that is durable. ``new`` is false when an older one was found (``Draft.unless_present``)."""

    data: bytes
    new: bool = True

    @property
    def hash(self) -> str:
        """The leaf's hash."""
        return hash_of(self.data)


class Committer:
    """Commits receipts in groups from one thread. Close it, or it ends with the process."""

    def __init__(self, database: Database, clock: Clock, boot: str | None = None) -> None:
        self._database = database
        self._clock = clock
        self._boot = boot_id() if boot is None else boot
        self._queue: queue.SimpleQueue[tuple[Draft, Future[Committed]] | None] = queue.SimpleQueue()
        self._closed = False
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="receipts", daemon=True)
        self._thread.start()

    def submit(self, draft: Draft) -> Future[Committed]:
        """Ask for a receipt. The future fails with ``Unavailable`` when the database cannot be written."""
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
                done = commit_group(self._database, [draft for draft, _ in asked], self._clock, self._boot)
            except BaseException as error:  # whatever it is, those who wait must hear of it
                for _, future in asked:
                    future.set_exception(error if isinstance(error, StrongroomError) else Unavailable(repr(error)))
                continue
            for (_, future), committed in zip(asked, done, strict=True):
                future.set_result(committed)


def commit_group(database: Database, drafts: Sequence[Draft], clock: Clock, boot: str) -> list[Committed]:
    """Commit receipts in one transaction, in their order. Durable on return."""
    with database.write() as connection:
        heads = _heads(connection, {draft.repository for draft in drafts}, locked=not database.is_sqlite)
        names = {(d.repository, d.kind, d.name) for d in drafts if d.kind}
        first, present = _history(connection, names)
        rows: list[dict[str, object]] = []
        done: list[Committed] = []
        for draft in drafts:
            key = (draft.repository, draft.kind, draft.name)
            if draft.unless_present and key in present:
                done.append(Committed(present[key], new=False))
                continue
            sequence, head = heads[draft.repository]
            receipt = draft.receipt(
                sequence, head, now_ns=clock.now_ns(), boot=boot, first=first.get(key), salt=os.urandom(16).hex()
            )
            committed = Committed(receipt.encode())
            done.append(committed)
            rows.append(row_of(receipt, committed.data))
            heads[draft.repository] = (sequence + 1, committed.hash)
            if draft.kind:
                first.setdefault(key, sequence)
                present.pop(key, None)
                if draft.type in ARRIVALS:
                    present[key] = committed.data
        if rows:
            connection.execute(leaf.insert(), rows)
            changed = sorted({str(row["repository"]) for row in rows})
            connection.execute(
                chain.update().where(chain.c.repository == sa.bindparam("at")),
                [{"at": at, "next": heads[at][0], "head": heads[at][1]} for at in changed],
            )
    return done


def row_of(receipt: Receipt, data: bytes) -> dict[str, object]:
    """A receipt as a row of the table, without an index."""
    return {
        "repository": receipt.repository,
        "sequence": receipt.sequence,
        "kind": receipt.kind,
        "name": receipt.name,
        "present": int(receipt.type in ARRIVALS),
        "hash": bytes.fromhex(hash_of(data)),
        "data": data,
    }


def _heads(connection: sa.Connection, repositories: set[str], *, locked: bool) -> dict[str, tuple[int, str]]:
    wanted = sorted(repositories)  # one order of locking, or two groups could wait for each other
    query = sa.select(chain).where(chain.c.repository.in_(wanted)).order_by(chain.c.repository)
    query = query.with_for_update() if locked else query
    heads = {row.repository: (row.next, row.head) for row in connection.execute(query)}
    fresh = [at for at in wanted if at not in heads]
    if fresh:
        new = [{"repository": at, "next": 0, "head": NO_HASH} for at in fresh]
        if locked:
            text = "INSERT INTO chain VALUES (:repository, :next, :head) ON CONFLICT DO NOTHING"
            connection.execute(sa.text(text), new)
            return _heads(connection, repositories, locked=locked)
        connection.execute(chain.insert(), new)
        heads.update(dict.fromkeys(fresh, (0, NO_HASH)))
    return heads


Names = tuple[str, str, str]


def _history(connection: sa.Connection, names: Iterable[Names]) -> tuple[dict[Names, int], dict[Names, bytes]]:
    """For each name, the sequence number of its first receipt, and its newest receipt if that says it is there."""
    wanted = set(names)
    first: dict[Names, int] = {}
    present: dict[Names, bytes] = {}
    if not wanted:
        return first, present
    query = (
        sa.select(leaf.c.repository, leaf.c.kind, leaf.c.name, leaf.c.sequence, leaf.c.present, leaf.c.data)
        .where(leaf.c.repository.in_({w[0] for w in wanted}), leaf.c.name.in_({w[2] for w in wanted}))
        .order_by(leaf.c.id)
    )
    for row in connection.execute(query):
        key = (row.repository, row.kind, row.name)
        if key in wanted:
            first.setdefault(key, row.sequence)
            present.pop(key, None)
            if row.present:
                present[key] = row.data
    return first, present


def boot_id() -> str:
    """The ID of the system's boot, or empty where there is none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
