"""M-3: messages between judge and executor that others wrote, or that make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.errors import Exists
from strongroom.custody.two_machines import executor_service
from strongroom.custody.two_machines.mailbox import (
    CONFIRMED,
    FROM_EXECUTOR,
    OPEN_PLANS,
    PLAN,
    TO_EXECUTOR,
    WORD,
    Mailbox,
)
from strongroom.receipts.commit.signing_key import load_or_create
from strongroom.storage.own.folder import FolderFiles
from strongroom.storage.repository_files import files_beside
from tests.attack.two_machines.stolen_judge import forged_plan, say
from tests.support.custody.in_process import Custody
from tests.support.custody.two_machines import TwoMachines


def test_m_3_messages_of_others_are_passed_over(custody: Custody, machines: TwoMachines, tmp_path: Path) -> None:
    """M-3: files that a host wrote there, by whatever number, neither let anything go nor stop what the judge says; nor
    does anybody but the executor say what it did."""
    other = load_or_create(str(tmp_path / "other"), "strongroom-judge")
    files = files_beside(custody.store())
    about = (custody.adopted.id, custody.adopted.store)
    for folder in (TO_EXECUTOR, FROM_EXECUTOR):
        for number in (3, 9_999_999_999):
            files.write_once(f"{folder}/{number:010d}", b"no message")
    Mailbox(files, TO_EXECUTOR, other.verifier, *about).write(OPEN_PLANS, {"digests": []}, 0, other)
    Mailbox(files, FROM_EXECUTOR, other.verifier, *about).write("report", {"newest": 10**6, "epoch": 9}, 0, other)
    assert machines.remote().newest == (0, 0)
    order = forged_plan(machines, [f"snapshots/{name}" for name in custody.names("snapshots")])
    machines.serve()
    assert machines.remote().newest == (1, 900)
    assert machines.book.plans(custody.adopted.id)[900].digest == order.digest
    with pytest.raises(Exists):
        files.write_once(f"{TO_EXECUTOR}/{3:010d}", b"another")


def test_m_3_others_files_are_read_once(
    custody: Custody, machines: TwoMachines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """M-3: an executor that looks every few seconds reads a flood of large files of others no second time."""
    files = files_beside(custody.store())
    for number in range(50, 60):
        files.write_once(f"{TO_EXECUTOR}/{number:010d}", b"x" * 1000)
    machines.serve()
    read: list[str] = []
    whole = FolderFiles.read

    def counted(self: FolderFiles, path: str) -> bytes:
        read.append(path)
        return whole(self, path)

    monkeypatch.setattr(FolderFiles, "read", counted)
    assert machines.serve().messages == 0
    say(machines, OPEN_PLANS, {"digests": []})
    read.clear()
    assert machines.serve().messages == 1
    assert len(read) <= 3, read


def test_m_3_malformed_messages_of_a_stolen_judge_end_no_run(custody: Custody, machines: TwoMachines) -> None:
    """M-3: each is said or passed over, and what comes after it is heard."""
    for what in (PLAN, OPEN_PLANS, CONFIRMED, WORD, "forbid", "aside", "whatever"):
        for members in ({}, {"number": "x", "name": 7, "body": "%", "signature": 1, "digests": 5, "why": []}):
            say(machines, what, members)
    say(machines, "aside", {"name": f"keys/{'0' * 64}"})
    say(machines, "aside", {"name": "config"})
    names = [f"snapshots/{name}" for name in custody.names("snapshots")]
    forged_plan(machines, names)
    found = machines.serve()
    assert found.wrong
    assert found.removed == []
    assert 900 in machines.book.plans(custody.adopted.id)


def test_messages_that_were_heard_are_tidied_away(
    custody: Custody, machines: TwoMachines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long judge and executor go on, some messages stay each way, and the newest among them."""
    monkeypatch.setattr(executor_service, "KEPT", 10)
    for number in range(40):
        say(machines, OPEN_PLANS, {"digests": [f"{number:064d}"]})
        if number % 2:
            machines.serve()
    for folder in (TO_EXECUTOR, FROM_EXECUTOR):
        assert len(list((custody.place / ".strongroom" / folder).iterdir())) <= 12
    assert machines.messages()[-1].number == 40
