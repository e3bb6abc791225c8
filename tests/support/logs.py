"""Making logs for tests: a database, a tile store, a sequencer, and receipts in them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.base.clock import Clock, SystemClock
from strongroom.database.engine import Database
from strongroom.receipts.client.gateway_log import GatewayLog, Listed, Page
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.committer import Committed, Draft, commit_group
from strongroom.receipts.commit.log_state import ensure_log, migrate, node_of, state
from strongroom.receipts.commit.sequencer import Sequencer
from strongroom.receipts.log import checkpoint as checkpoints
from strongroom.receipts.log.leaf import LeafType
from strongroom.receipts.log.merkle import inclusion_proof
from strongroom.receipts.log.note import Signer
from strongroom.storage.own.folder import FolderFiles

ORIGIN = "backup.example/.strongroom/log"
REPOSITORY = "a" * 32


def draft(number: int, repository: str = REPOSITORY, **more: object) -> Draft:
    """A receipt for the object with this number."""
    name = hashlib.sha256(b"%d" % number).hexdigest()
    fields = {"kind": "data", "name": name, "sha256": name, "size": number, "principal": "web01", **more}
    return Draft(LeafType.CREATE, repository, **fields)  # type: ignore[arg-type]


@dataclass
class Log:
    """A log in a folder: ``state.db`` and ``tiles/``."""

    folder: Path
    signer: Signer
    database: Database
    clock: Clock = field(default_factory=SystemClock)

    @property
    def tiles(self) -> Path:
        return self.folder / "tiles"

    @property
    def verifier(self) -> str:
        return str(self.signer.verifier)

    def add(self, *numbers: int, repository: str = REPOSITORY) -> list[Committed]:
        """Commit receipts, in one group."""
        return commit_group(self.database, [draft(n, repository) for n in numbers], self.clock, "")

    def sequencer(self, **options: object) -> Sequencer:
        """A sequencer that keeps every checkpoint, unless told otherwise."""
        options.setdefault("store_seconds", 0.0)
        return Sequencer(self.database, FolderFiles(str(self.tiles)), self.signer, self.clock, **options)  # type: ignore[arg-type]

    def publish(self, **options: object) -> None:
        """Sequence and sign all that is pending."""
        sequencer = self.sequencer(**options)
        while sequencer.step():
            pass
        assert sequencer.failure is None, sequencer.failure
        sequencer.close()

    def checkpoint(self) -> Path:
        """The newest checkpoint of the folder, as a file."""
        return max((self.tiles / "checkpoint").iterdir(), key=lambda path: int(path.name))


def new_signer(name: str = ORIGIN, algorithm: int = 1) -> Signer:
    """A signer with a fresh key."""
    return Signer(name, Ed25519PrivateKey.generate(), algorithm)


def make_log(
    folder: Path, count: int = 0, *, url: str | None = None, signer: Signer | None = None, clock: Clock | None = None
) -> Log:
    """A log with this many leaves, published."""
    folder.mkdir(parents=True, exist_ok=True)
    database = Database(url or f"sqlite:///{folder}/state.db", clock=clock or SystemClock())
    migrate(database)
    ensure_log(database, ORIGIN)
    log = Log(folder, signer or new_signer(), database, clock or SystemClock())
    if count:
        log.add(*range(count))
        log.publish()
    return log


class Shown(GatewayLog):
    """A log as its gateway shows it, without the network; of earlier logs it knows nothing."""

    root = "http://gateway/.strongroom/log"

    def __init__(self, log: Log, repository: str = REPOSITORY) -> None:
        self.log = log
        self.repository = repository

    def receipts(self, after: int, limit: int) -> Page:
        table = schema.leaf
        with self.log.database.read() as connection:
            now = state(self.log.database)
            query = sa.select(table.c.position, table.c.data).where(
                table.c.repository == self.repository,
                table.c.log == now.id,
                table.c.sequence > after,
                table.c.position < now.published,
            )
            rows = connection.execute(query.order_by(table.c.sequence).limit(limit)).all()
            node = node_of(connection, now.id, now.published)
            listed = [Listed(p, bytes(data), tuple(inclusion_proof(node, p, now.published))) for p, data in rows]
        return Page(now.checkpoint, tuple(listed))

    def file(self, path: str) -> bytes:
        if path == "verifier-key":
            return self.log.verifier.encode()
        return FolderFiles(str(self.log.tiles)).read(path)

    def close(self) -> None:
        """Nothing is open."""


def head(log: Log) -> checkpoints.Checkpoint:
    """The log's newest checkpoint."""
    now = state(log.database).checkpoint
    assert now is not None
    return checkpoints.parse(now)


def rewrite(log: Log, *dropped: int) -> None:
    """Make the log anew with the same key, without some of its leaves."""
    with log.database.write() as connection:
        for number in dropped:
            connection.execute(schema.leaf.delete().where(schema.leaf.c.sequence == number))
        connection.execute(schema.leaf.update().values(position=None, log=None))
        connection.execute(schema.tile.delete())
        values = {"assigned": 0, "published": 0, "checkpoint": None, "stored": 0, "stored_ns": 0}
        connection.execute(schema.log.update().values(**values))
    os.rename(log.tiles, f"{log.tiles}.{len(os.listdir(log.folder))}")
    log.publish()
