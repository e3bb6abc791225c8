"""An executor on a machine of its own beside a custodian in this process, with a folder, a key and a record."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from strongroom.custody.executor.contract import Handed
from strongroom.custody.executor.execute import Executor
from strongroom.custody.executor.records import Records
from strongroom.custody.executor.ways import NumberedFileRemoval, way_of
from strongroom.custody.mark import read_mark
from strongroom.custody.two_machines.executor_book import ExecutorBook, ExecutorPlace
from strongroom.custody.two_machines.executor_service import ExecutorService, Served
from strongroom.custody.two_machines.mailbox import EXECUTOR, TO_EXECUTOR, ExecutorMessage, Mailbox
from strongroom.custody.two_machines.remote_executor import RemoteExecutor
from strongroom.receipts.commit.signing_key import load_or_create
from strongroom.storage.local.store import LocalStore
from strongroom.storage.repository_files import files_beside
from tests.support.clock import ManualClock
from tests.support.custody.in_process import Custody

OTHER_BOOT = "7c0e1f0e-0000-4000-8000-000000000000"


class _Waiting(ManualClock):
    """The judge's clock while it waits for an answer: the other machine has a run then."""

    def __init__(self, machines: TwoMachines) -> None:
        super().__init__(machines.custody.clock.now_ns())
        self._machines = machines

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self._machines.answers:
            self._machines.serve()


@dataclass
class TwoMachines:
    """The executor's machine in ``home``. ``answers``: whether it looks while the judge waits."""

    custody: Custody
    home: Path
    operators: int = 0
    answers: bool = True
    served: list[Served] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir()
        custody = self.custody
        self.signer = load_or_create(str(self.home / "key"), EXECUTOR)
        self.records = Records(f"sqlite:///{self.home}/executor.db", custody.clock)
        self.book = ExecutorBook(self.records)
        policy = custody.policy
        judge = str(custody.signer.verifier)
        days = (policy.hold, policy.detection, policy.expiry, self.operators)
        self.book.add(ExecutorPlace(custody.adopted.id, "web", custody.url, custody.url, judge, "", *days))
        self.begin()

    def begin(self) -> None:
        """As a process that has just started."""
        store, (place,) = LocalStore(str(self.custody.place)), self.book.places()
        executor = self.executor()
        tidy = NumberedFileRemoval(store).remove
        self.service = ExecutorService(
            place, self.book, self.records, executor, store, self.signer, tidy, follows=self.answers
        )

    def executor(self) -> Executor:
        """What removes there."""
        store, (place,) = LocalStore(str(self.custody.place)), self.book.places()
        return Executor(
            self.records,
            store,
            way_of(store),
            place.repository,
            place.known_as,
            self.custody.signer.verifier,
            hold_days=place.hold,
            expiry_days=place.expiry,
            detection_days=place.detection,
            operators=place.operators,
            mark=lambda: read_mark(store, place.repository),
            boot=lambda: (OTHER_BOOT, 0),
        )

    def close(self) -> None:
        """Close its record."""
        self.records.close()

    def serve(self) -> Served:
        """A run of the executor's."""
        found = self.service.run()
        self.served.append(found)
        return found

    def remote(self) -> RemoteExecutor:
        """As the judge has it."""
        adopted = self.custody.adopted
        clock = _Waiting(self)
        return RemoteExecutor(
            self.custody.store(), adopted.id, adopted.store, self.custody.signer, self.signer.verifier, clock
        )

    def hand_over(self) -> Handed:
        """The judge's side of what is due."""
        handed = self.custody.handover().hand_over(self.remote())
        self.custody.settle()
        return handed

    def day(self) -> Handed:
        """A day passes on both machines: the executor looks, the judge has its round, the executor looks again."""
        self.custody.clock.advance(86_400)
        self.serve()
        self.custody.round()
        handed = self.hand_over()
        self.serve()
        return handed

    def messages(self) -> list[ExecutorMessage]:
        """What the judge said."""
        adopted = self.custody.adopted
        files = files_beside(self.custody.store())
        return Mailbox(files, TO_EXECUTOR, self.custody.signer.verifier, adopted.id, adopted.store).after(0)
