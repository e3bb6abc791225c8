"""Never fork the own log: before anything is signed, the database is compared with all that was said before.

What was said stands in the checkpoints and tiles of the store, in the file with the newest head (``tail``), and at the
witness. A database that is behind (put back from a copy) takes the missing leaves from tiles and tail. One that cannot,
or that says something else, signs nothing, and an alarm stands until it is put right or an operator rotates the log.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from strongroom.base.errors import Damaged, LimitExceeded, Missing, StrongroomError, Unavailable
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.log_state import change, node_of, read_state
from strongroom.receipts.commit.replay_apply import apply_leaves
from strongroom.receipts.commit.replay_source import Fork, leaves_from
from strongroom.receipts.commit.tile_store import checkpoint_sizes, extents
from strongroom.receipts.log.checkpoint import Checkpoint, open_checkpoint
from strongroom.receipts.log.merkle import Edge, leaf_hash, root, subtrees
from strongroom.receipts.log.tiles import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strongroom.database.engine import Database
    from strongroom.receipts.commit.log_state import LogState
    from strongroom.receipts.commit.tail import Tail
    from strongroom.receipts.log.note import Verifier
    from strongroom.storage.own.contract import OwnFiles

HEADS = 200
"""So many of the store's checkpoints, the newest, are compared at a start. What an older one says is under these."""


class Witnessed(Protocol):
    """Whoever remembers the last checkpoint that was countersigned."""

    def latest(self, origin: str) -> Checkpoint | None:
        """The newest checkpoint known for the log, its signatures not verified; None when there is none.

        Raises ``Unavailable``: then nothing is known, which does not stop the log.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Said:
    """A head that was signed, and who has it."""

    head: Checkpoint
    where: str


def reconcile(
    database: Database,
    store: OwnFiles,
    verifier: Verifier,
    witness: Witnessed | None,
    tail: Tail | None = None,
    *,
    heads: int = HEADS,
    taking: Callable[[sa.Connection, int], None] = lambda _connection, _since: None,
) -> bool:
    """Bring the database to what was already signed; whether the witness, if there is one, was among what was asked.

    ``heads`` is how many checkpoints of the store are compared, the newest; with 1 its folders are not listed whole.
    ``taking`` hears, in the transaction that takes leaves back, from which one on.
    Raises ``Fork`` when the database cannot be brought there, ``Unavailable`` when the log moves meanwhile.
    """
    with database.read() as connection:
        now = read_state(connection)
    if now is None or now.origin != verifier.name:
        raise Fork("the database holds another log than the key signs for", subject=verifier.name)
    said, asked = _said(now, store, verifier, witness, tail, heads)
    start = now.published // WIDTH * WIDTH
    found = leaves_from(store, tail, start // WIDTH)
    if heads > 1 and (most := max(extents(store))) > start + len(found):
        raise Fork(f"the store has tiles for {most} leaves, and its entries end at {start + len(found)}")
    hashes = [leaf_hash(data) for data in found]
    behind = _compare(database, now, said, start, hashes)
    if behind:
        apply_leaves(database, now, now.published, found[now.published - start :], taking)
    if said:
        _adopt(database, max((one.head for one in said), key=lambda head: head.size))
    return asked


def _said(
    now: LogState, store: OwnFiles, verifier: Verifier, witness: Witnessed | None, tail: Tail | None, heads: int
) -> tuple[list[_Said], bool]:
    """All heads that bind us, and whether the witness was asked if there is one."""
    said = []
    if now.checkpoint:
        own = _opened(bytes(now.checkpoint), verifier, "the database's checkpoint")
        if own.size != now.published:
            raise Fork(f"the database has published {now.published} leaves, and its checkpoint is of {own.size}")
        said.append(_Said(own, "the database"))
    for number, size in enumerate(checkpoint_sizes(store)[:heads]):
        try:
            said.append(_Said(open_checkpoint(store.read(f"checkpoint/{size}"), verifier), "the store"))
        except (Damaged, LimitExceeded) as error:
            if number == 0:
                raise Fork(f"the newest checkpoint in the store is not this key's: {error.what}") from None
    try:
        kept = tail.read_signed() if tail is not None else None
    except Damaged as error:
        raise Fork(str(error)) from None
    if kept is not None:
        head = _opened(kept.head.encode(), verifier, "the newest head that was kept")
        said.append(_Said(head, "the file with the newest head"))
    if witness is None:
        return said, True
    try:
        remembered = witness.latest(verifier.name)
    except StrongroomError:
        return said, False  # backups never wait for a witness
    if remembered is not None and remembered.note is not None:
        with contextlib.suppress(Damaged, LimitExceeded):  # what the key did not sign binds nobody
            said.append(_Said(open_checkpoint(remembered.encode(), verifier), "the witness"))
    return said, True


def _opened(data: bytes, verifier: Verifier, what: str) -> Checkpoint:
    try:
        return open_checkpoint(data, verifier)
    except (Damaged, LimitExceeded) as error:
        raise Fork(f"{what} is not this key's: {error.what}") from None


def _compare(database: Database, now: LogState, said: Sequence[_Said], start: int, hashes: list[bytes]) -> bool:
    """Hold database, tiles and heads against one another; whether the database has to take leaves from ``start`` on.

    ``hashes`` are those of the leaves that store and tail have from ``start`` on. Raises ``Fork``.
    """
    end = start + len(hashes)
    with database.read() as connection:
        table = schema.leaf
        query = (
            sa.select(table.c.hash)
            .where(table.c.log == now.id, table.c.position >= start, table.c.position < end)
            .order_by(table.c.position)
        )
        ours = [bytes(one) for one in connection.execute(query).scalars()]
        if len(ours) != min(end, now.assigned) - min(start, now.assigned):
            raise Fork("the database lacks leaves that it has given an index")
        first = next((start + n for n, (a, b) in enumerate(zip(ours, hashes, strict=False)) if a != b), None)
        if first is not None and first < now.published:
            raise Fork(
                f"leaf {first} of the database is another than in the log's tiles",
                hint="restore the right database, or rotate the log",
            )
        behind = first is not None or end > now.assigned
        node = node_of(connection, now.id, now.assigned)
        roots = _roots_of(node, now.assigned)
        if behind:
            edge = Edge(start, [node(level, index) for level, index in subtrees(0, start)])
            roots = _roots_with(edge, hashes, roots)
        size = end if behind else now.assigned
        for one in sorted(said, key=lambda one: one.head.size):
            if one.head.size > size:
                raise Fork(
                    f"{one.where} has a checkpoint of {one.head.size} leaves, the database only {now.assigned}, and the"
                    " log's tiles do not help",
                    subject=one.head.origin,
                    hint="restore a newer copy of the database, or rotate the log",
                )
            try:
                same = roots(one.head.size) == one.head.root
            except (Missing, Damaged) as error:
                raise Fork(f"the database's own tiles are damaged: {error}") from None
            if not same:
                raise Fork(
                    f"the first {one.head.size} leaves are others than those under the checkpoint of {one.where}",
                    subject=one.head.origin,
                    hint="restore the right database, or rotate the log",
                )
    return behind


def _roots_of(node: Callable[[int, int], bytes], assigned: int) -> Callable[[int], bytes]:
    """The roots of the database's own tree, by size; one reading of its tiles serves them all."""

    def found(size: int) -> bytes:
        if size > assigned:
            raise Missing("not in the database")
        return root(node, size)

    return found


def _roots_with(edge: Edge, hashes: Sequence[bytes], below: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """The roots of the tree that begins as the database's and goes on with these leaves; asked for in rising order."""
    start, rest = edge.size, iter(hashes)

    def found(size: int) -> bytes:
        if size < start:
            return below(size)
        while edge.size < size:
            edge.append(next(rest))
        return edge.root()

    return found


def _adopt(database: Database, newest: Checkpoint) -> None:
    """A checkpoint that was signed and is ahead of the database's own becomes the database's."""
    with database.write() as connection:
        now = read_state(connection)
        assert now is not None
        if newest.size > now.assigned:
            raise Unavailable("the log moved while it was compared")
        if newest.size > now.published and newest.note is not None:
            change(connection, now.id, {}, published=newest.size, checkpoint=newest.encode())
