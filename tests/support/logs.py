"""Making logs for tests: a database, a tile store, a sequencer, and receipts in them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.base.clock import SystemClock
from strongroom.database.engine import Database
from strongroom.receipts.commit.committer import Committed, Draft, commit_group
from strongroom.receipts.commit.log_state import ensure_log, migrate
from strongroom.receipts.commit.sequencer import Sequencer
from strongroom.receipts.log.leaf import LeafType
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

    @property
    def tiles(self) -> Path:
        return self.folder / "tiles"

    @property
    def verifier(self) -> str:
        return str(self.signer.verifier)

    def add(self, *numbers: int, repository: str = REPOSITORY) -> list[Committed]:
        """Commit receipts, in one group."""
        return commit_group(self.database, [draft(n, repository) for n in numbers], SystemClock(), "")

    def sequencer(self, **options: object) -> Sequencer:
        """A sequencer that keeps every checkpoint, unless told otherwise."""
        options.setdefault("store_seconds", 0.0)
        return Sequencer(self.database, FolderFiles(str(self.tiles)), self.signer, SystemClock(), **options)  # type: ignore[arg-type]

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


def make_log(folder: Path, count: int = 0, *, url: str | None = None, signer: Signer | None = None) -> Log:
    """A log with this many leaves, published."""
    folder.mkdir(parents=True, exist_ok=True)
    database = Database(url or f"sqlite:///{folder}/state.db")
    migrate(database)
    ensure_log(database, ORIGIN)
    log = Log(folder, signer or new_signer(), database)
    if count:
        log.add(*range(count))
        log.publish()
    return log
