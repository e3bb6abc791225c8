"""A replica of what a custodian in this process cares for, fed by it, and kept by a keeper on another machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from strongroom.base.progress import Reporter
from strongroom.custody.adopting import open_adopted
from strongroom.custody.executor.execute import Executor
from strongroom.custody.executor.records import Records
from strongroom.custody.executor.ways import NumberedFileRemoval, way_of
from strongroom.custody.keeper.book import KeeperBook, KeptReplica
from strongroom.custody.keeper.replica_keeper import KeepersRun, ReplicaKeeper
from strongroom.custody.mark import KEEPER, make_mark, read_mark
from strongroom.custody.replica.going import GoingOfReplica
from strongroom.custody.replica.notes import set_place
from strongroom.custody.replica.outcome import Replicated
from strongroom.custody.replica.replicate import Replication
from strongroom.receipts.commit.signing_key import load_or_create
from strongroom.storage.local.store import LocalStore
from tests.support.custody.in_process import Custody


@dataclass
class KeptCopy:
    """The replica in ``place``, the keeper in ``home``. Days are short, so that few show all."""

    custody: Custody
    place: Path
    home: Path
    hold: int = 2
    detection: int = 3
    floor: int = 1
    expiry: int = 80
    operators: int = 0
    _touched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.home.mkdir()
        self.place.mkdir()
        self.records = Records(f"sqlite:///{self.home}/keeper.db", self.custody.clock)
        self.signer = load_or_create(str(self.home / "key"), KEEPER)
        self.book = KeeperBook(self.records)
        adopted = self.custody.adopted
        make_mark(self.store(), adopted.id, str(self.signer.verifier))
        self.book.begin(
            KeptReplica(
                adopted.id,
                str(self.place),
                str(self.place),
                str(self.custody.signer.verifier),
                self.hold,
                self.detection,
                self.expiry,
                self.floor,
            )
        )

    def store(self) -> LocalStore:
        """The replica's store."""
        return LocalStore(str(self.place))

    def close(self) -> None:
        """Close the keeper's record."""
        self.records.close()

    def replicate(self) -> Replicated:
        """What `custody replicate` does."""
        custody, adopted = self.custody, self.custody.adopted
        lease = custody.state.claim(adopted.id, "test")
        try:
            with open_adopted(adopted, custody.store(), custody.identity, custody.surroundings) as repository:
                run = Replication(custody.state, lease, adopted, repository, self.store(), Reporter())
                run.begin()
                set_place(custody.state, lease, adopted, str(self.place), "test")
                done = run.run()
                if not done.left and not done.faults:
                    going = GoingOfReplica(custody.state, lease, adopted, repository, self.store(), Reporter())
                    done.going = going.say(str(self.place), custody.signer)
            return done
        finally:
            custody.state.release(lease)

    def executor(self) -> Executor:
        """The keeper's executor."""
        store = self.store()
        return Executor(
            self.records,
            store,
            way_of(store),
            self.custody.adopted.id,
            str(self.place),
            self.signer.verifier,
            hold_days=self.hold,
            expiry_days=self.expiry,
            detection_days=self.detection,
            operators=self.operators,
            mark=lambda: read_mark(store, self.custody.adopted.id),
            boot=self.custody.boot,
        )

    def keep(self) -> KeepersRun:
        """A run of the keeper."""
        judge = self.custody.signer.verifier
        keeper = ReplicaKeeper(
            self.book,
            self.records,
            self.executor(),
            self.store(),
            self.signer,
            judge,
            self.custody.boot,
            purges=True,
            tidy=NumberedFileRemoval(self.store()).remove,
        )
        return keeper.run()

    def names(self, kind: str) -> set[str]:
        """The objects of a kind that are there."""
        return {path.name for path in (self.place / kind).rglob("*") if path.is_file()}
