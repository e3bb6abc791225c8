"""Never fork the own log: before anything is signed, the database is compared with what was already said.

What was said stands in the newest checkpoint of the tile store and in the last one that a witness countersigned. A
database that is behind (restored from a copy) takes the missing leaves from the tiles. One that cannot, or that says
something else, signs nothing: receipts are still committed, and an alarm stands until an operator rotates the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Missing, StrongroomError
from strongroom.receipts import schema, tiles
from strongroom.receipts.checkpoint import Checkpoint, open_checkpoint
from strongroom.receipts.commit import row_of
from strongroom.receipts.leaf import hash_of, parse
from strongroom.receipts.log_state import change, grow_tiles, read_state, root_at
from strongroom.receipts.merkle import Edge, leaf_hash
from strongroom.receipts.tile_store import newest_checkpoint
from strongroom.receipts.tiles import ENTRIES, WIDTH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.receipts.database import Database
    from strongroom.receipts.log_state import LogState
    from strongroom.receipts.note import Verifier
    from strongroom.receipts.tile_store import TileStore


class Fork(StrongroomError):
    """To sign now would mean to contradict what was signed before."""


class Witnessed(Protocol):
    """Whoever remembers the last checkpoint that was countersigned."""

    def latest(self, origin: str) -> Checkpoint | None:
        """The newest checkpoint known for the log, its signatures not verified; None when there is none.

        Raises ``Unavailable``: then nothing is known, which does not stop the log.
        """
        ...


def reconcile(database: Database, store: TileStore, verifier: Verifier, witness: Witnessed | None) -> None:
    """Bring the database to what was already signed. Raises ``Fork`` when it cannot be."""
    with database.read() as connection:
        now = read_state(connection)
    if now is None or now.origin != verifier.name:
        raise Fork("the database holds another log than the key signs for", subject=verifier.name)
    said = [(open_checkpoint(now.checkpoint, verifier), "the database")] if now.checkpoint else []
    stored = newest_checkpoint(store)
    if stored is not None:
        said.append((_opened(stored, verifier), "the store"))
    remembered = _remembered(witness, verifier)
    if remembered is not None:
        said.append((remembered, "the witness"))
    if stored is not None:
        _follow(database, said[-1 if remembered is None else -2][0], store)
    for checkpoint, where in said:
        _agree(database, checkpoint, where)
    if said:
        _adopt(database, max((checkpoint for checkpoint, _ in said), key=lambda c: c.size))


def _opened(data: bytes, verifier: Verifier) -> Checkpoint:
    try:
        return open_checkpoint(data, verifier)
    except Damaged as error:
        raise Fork(f"the newest checkpoint in the store is not this key's: {error.what}") from None


def _remembered(witness: Witnessed | None, verifier: Verifier) -> Checkpoint | None:
    if witness is None:
        return None
    try:
        found = witness.latest(verifier.name)
    except StrongroomError:
        return None  # backups never wait for a witness
    if found is None or found.note is None:
        return None
    try:
        return open_checkpoint(found.encode(), verifier)
    except Damaged:
        return None  # what the key did not sign binds nobody


def _agree(database: Database, checkpoint: Checkpoint, where: str) -> None:
    with database.read() as connection:
        now = read_state(connection)
        assert now is not None
        if checkpoint.size > now.assigned:
            raise Fork(
                f"{where} has a checkpoint of {checkpoint.size} leaves, the database only {now.assigned}",
                subject=checkpoint.origin,
                hint="restore a newer copy of the database, or rotate the log",
            )
        if root_at(connection, now.id, checkpoint.size) != checkpoint.root:
            raise Fork(
                f"the first {checkpoint.size} leaves are others than those under the checkpoint of {where}",
                subject=checkpoint.origin,
                hint="restore the right database, or rotate the log",
            )


def _adopt(database: Database, newest: Checkpoint) -> None:
    """A checkpoint that was signed and is ahead of the database's own becomes the database's."""
    with database.write() as connection:
        now = read_state(connection)
        assert now is not None
        if newest.size > now.published and newest.note is not None:
            change(connection, now.id, {}, published=newest.size, checkpoint=newest.encode())


def _follow(database: Database, target: Checkpoint, store: TileStore) -> None:
    """Take the leaves that the store's checkpoint covers and the database lacks, or has in another order."""
    with database.read() as connection:
        now = read_state(connection)
        assert now is not None
        if now.assigned >= target.size and root_at(connection, now.id, target.size) == target.root:
            return
        if now.published >= target.size:
            return  # a contradiction, which _agree names
        base = now.published
        known = root_at(connection, now.id, base)
    edge = Edge()
    try:
        for data in _leaves(store, 0, target.size):
            if edge.size == base and edge.root() != known:
                raise Fork(f"the first {base} leaves are others than those in the store")
            edge.append(leaf_hash(data))
    except (Missing, Damaged) as error:
        raise Fork(f"the database is behind, and the store's tiles do not help: {error}") from None
    if edge.root() != target.root:
        raise Fork("the database is behind, and the store's entries do not lead to their checkpoint")
    apply_leaves(database, now, base, list(_leaves(store, base, target.size)))


def apply_leaves(database: Database, before: LogState, base: int, leaves: list[bytes]) -> None:
    """Make these the leaves from ``base`` on; those that are pending already get their place. One transaction."""
    table = schema.leaf
    with database.write() as connection:
        if not change(connection, before.id, {"assigned": before.assigned}, assigned=base + len(leaves)):
            raise Fork("the log moved while it was replayed")
        connection.execute(
            table.update().where(table.c.log == before.id, table.c.position >= base).values(log=None, position=None)
        )
        for position, data in enumerate(leaves, base):
            receipt = parse(data)
            row = row_of(receipt, receipt.sequence, data)
            query = sa.select(table.c.id).where(
                table.c.repository == receipt.repository,
                table.c.sequence == receipt.sequence,
                table.c.hash == row["hash"],
                table.c.position.is_(None),
            )
            known = connection.execute(query).scalar()
            place = {"log": before.id, "position": position}
            if known is None:
                connection.execute(table.insert(), {**row, **place})
            else:
                connection.execute(table.update().where(table.c.id == known).values(**place))
            _advance_chain(connection, receipt.repository, receipt.sequence + 1, hash_of(data))
        grow_tiles(connection, before.id, base, [leaf_hash(data) for data in leaves])


def _advance_chain(connection: sa.Connection, repository: str, following: int, head: str) -> None:
    chain = schema.chain
    found = connection.execute(sa.select(chain.c.next).where(chain.c.repository == repository)).scalar()
    if found is None:
        connection.execute(chain.insert(), {"repository": repository, "next": following, "head": head})
    elif found < following:
        connection.execute(chain.update().where(chain.c.repository == repository).values(next=following, head=head))


def _leaves(store: TileStore, start: int, size: int) -> Iterator[bytes]:
    """The leaves ``[start, size)`` out of the store's bundles."""
    for number in range(start // WIDTH, -(-size // WIDTH)):
        width = min(WIDTH, size - number * WIDTH)
        found = tiles.unbundle(store.read(tiles.path(ENTRIES, number, width)), width)
        yield from found[max(0, start - number * WIDTH) :]
