"""Deleting slowly, whole: snapshots, then indexes, then packs, each after its hold, and everything comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.errors import UsageError
from strongroom.custody.planned.plans import approve
from tests.support.clock import ManualClock
from tests.support.custody.fixtures import days
from tests.support.custody.in_process import DAY, POLICY, Custody, Host, restores, sound
from tests.support.repositories import opened


def test_what_no_window_needs_goes_slowly_and_comes_back(custody: Custody, host: Host) -> None:
    """Snapshots go after H, their index files and packs later; the trash has all; undo brings it back whole."""
    went = days(custody, host, 12)
    kinds = [kind for _, kind, _ in went]
    assert kinds.index("snapshots") < kinds.index("indexes") < kinds.index("packs")
    gone = {name for _, _, names in went for name in names}
    trash = {path.name[:64] for path in (custody.place / ".strongroom" / "trash").rglob("*") if path.is_file()}
    assert {name.partition("/")[2] for name in gone} == trash
    snapshots = next(number for number, kind, _ in went if kind == "snapshots")
    lost = next(names[0].partition("/")[2] for number, _, names in went if number == snapshots)
    assert not restores(custody.place, lost, host.files[lost])
    assert custody.handover().undo(custody.executor(), snapshots, "ann", "a mistake") == 1
    assert restores(custody.place, lost, host.files[lost])
    assert sound(custody.place) == []
    custody.round()
    assert custody.open_incidents() == []
    with pytest.raises(UsageError, match="removed nothing"):
        custody.handover().undo(custody.executor(), snapshots, "ann", "again")
    assert {f"data/{pack}" for pack in host.packs[lost]} <= {
        f"data/{name}" for name in custody.names("data")
    }  # its packs had gone as well


def test_an_index_does_not_come_back_without_the_packs_that_it_names(custody: Custody, host: Host) -> None:
    """Undone alone it would name packs that are gone, and the next backup would not store what was in them; the plan
    of those packs is named, and undone it has packs and index in their places."""
    went = days(custody, host, 12)
    numbers = {kind: number for number, kind, _ in reversed(went)}
    handover, executor = custody.handover(), custody.executor()
    last = max(number for number, kind, _ in went if kind == "packs")
    with pytest.raises(UsageError, match=f"plan {last} has removed since"):
        handover.undo(executor, numbers["indexes"], "ann", "a mistake")
    for number, kind, _ in went:
        if kind == "packs":
            handover.undo(executor, number, "ann", "a mistake")
    handover.undo(executor, numbers["indexes"], "ann", "a mistake")
    with opened(custody.place) as repository:
        repository.load_index()
        assert set(repository.index.packs()) <= set(custody.names("data"))
    custody.round()
    assert custody.open_incidents() == []


def test_a_plan_is_held_on_three_days(custody: Custody, host: Host) -> None:
    """H alone is not enough: a plan that two rounds saw waits for a third on another day."""
    assert days(custody, host, 5) == []
    assert custody.round().plans
    custody.clock.advance(5 * DAY)
    host.backup()
    custody.round()
    first = custody.hand_over().plans[0]
    assert first.removed == []
    assert first.waits[0].startswith("seen on 2 of 3 days")


def test_cancelled_is_cancelled(custody: Custody, host: Host) -> None:
    """A plan that an operator ended never goes, though the policy makes another with a hold of its own."""
    days(custody, host, 5)
    (plan, *_) = custody.round().plans
    custody.handover().cancel(custody.executor(), plan.number, "ann", "not yet")
    went = days(custody, host, 2)
    assert plan.number not in [number for number, _, _ in went]
    with pytest.raises(UsageError, match="nothing to cancel"):
        custody.handover().cancel(custody.executor(), plan.number, "ann", "again")


def test_what_is_large_waits_for_an_operator(tmp_path: Path, clock: ManualClock) -> None:
    """A plan beyond a tenth of the bytes is held back until somebody approves it; then it goes."""
    host = Host(tmp_path / "large", clock, size=200_000)
    host.backup()
    custody = Custody(host.place, tmp_path / "large-home", clock=clock)
    custody.round()
    for _ in range(8):
        custody.clock.advance(DAY)
        host.backup()
        custody.round()
        handed = custody.hand_over()
    (first, *_) = handed.plans
    assert "of all bytes, more than 10%" in first.waits[0]
    approve(custody.state, custody.adopted, first.number, "ann", "seen")
    custody.executor().approve(first.number, "ann")
    custody.clock.advance(DAY)
    host.backup()
    custody.round()
    assert custody.hand_over().plans[0].removed
    custody.close()


def test_the_trash_is_emptied_by_a_plan_of_its_own(tmp_path: Path, clock: ManualClock) -> None:
    """After E what was put away goes for good, held like anything, and the catalogue lets it be."""
    policy = type(POLICY)(
        daily=2, weekly=0, monthly=0, yearly=0, detection=3, floor=1, hold=1, verify=1, expiry=15, rpo_hours=48
    )
    host = Host(tmp_path / "purged", clock)
    host.backup()
    custody = Custody(host.place, tmp_path / "purged-home", clock=clock, policy=policy)
    custody.round()
    went = days(custody, host, 26, look=False)
    purged = [name.removeprefix("trash/") for _, kind, names in went if kind == "purge" for name in names]
    assert purged
    trash = {path.name[:64] for path in (custody.place / ".strongroom" / "trash").rglob("*") if path.is_file()}
    assert not trash & {name.partition("/")[2] for name in purged}
    custody.close()
