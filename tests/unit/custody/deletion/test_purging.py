"""What lies in the trash goes for good by a plan that is held, never before E, whoever asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.custody.deletion.purging import contents_of_trash, plan_purge
from strongroom.custody.executor.records import Records
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import open_incident
from tests.support.clock import ManualClock
from tests.support.custody.fixtures import days
from tests.support.custody.in_process import DAY, POLICY, Custody, Host

EXPIRY = 20


@pytest.fixture
def emptied(tmp_path: Path, clock: ManualClock) -> Iterator[Custody]:
    """A custodian that has just put its first snapshot away; the state's clock is the executor's until a test parts
    them."""
    policy = type(POLICY)(
        daily=2, weekly=0, monthly=0, yearly=0, detection=3, floor=1, hold=2, verify=1, expiry=EXPIRY, rpo_hours=48
    )
    host = Host(tmp_path / "r", clock)
    host.backup()
    made = Custody(host.place, tmp_path / "custodian", clock=clock, policy=policy)
    made.round()
    assert any(days(made, host, 1, look=False) for _ in range(12))
    yield made
    made.close()


def _plan(custody: Custody) -> int | None:
    lease = custody.state.claim(custody.adopted.id, "an operator")
    try:
        return plan_purge(custody.state, lease, custody.adopted, custody.store(), custody.signer)
    finally:
        custody.state.release(lease)


def _lying(custody: Custody) -> dict[str, int | None]:
    found = contents_of_trash(custody.state, custody.adopted, custody.store())
    assert found is not None
    return {one.name: one.plan for one in found.ours}


def _files(custody: Custody) -> set[str]:
    trash = custody.place / ".strongroom" / "trash"
    return {f"{path.parent.name}/{path.name[:64]}" for path in trash.rglob("*") if path.is_file()}


def test_nobody_plans_a_purge_before_e_and_the_plan_is_held(emptied: Custody) -> None:
    """An operator asks on each day: nothing is planned before E is over, then once; it is held, seen on three days,
    and then alone the trash is empty."""
    assert _lying(emptied) == dict.fromkeys(_files(emptied))
    for _ in range(EXPIRY):
        assert _plan(emptied) is None
        emptied.clock.advance(DAY)
    emptied.clock.advance(60)
    before = _files(emptied)
    number = _plan(emptied)
    assert number is not None
    assert _plan(emptied) is None  # one is open
    assert _lying(emptied) == dict.fromkeys(before, number)
    for _ in range(2):
        waits = next(one for one in emptied.hand_over().plans if one.number == number)
        assert (waits.removed, waits.waits[0][:8]) == ([], "held for")
        assert _files(emptied) == before
        emptied.clock.advance(DAY + 60)
    went = next(one for one in emptied.hand_over().plans if one.number == number)
    assert {name.removeprefix("trash/") for name in went.removed} == before
    assert (_files(emptied), _lying(emptied)) == (set(), {})


def test_while_an_incident_freezes_deleting_no_purge_is_planned(emptied: Custody) -> None:
    """As of any plan."""
    emptied.clock.advance((EXPIRY + 1) * DAY)
    lease = emptied.state.claim(emptied.adopted.id, "a test")
    with emptied.state.writing(lease) as connection:
        open_incident(connection, emptied.adopted.id, Code.DRIFT, "versioning", "off", emptied.clock.now_ns())
    emptied.state.release(lease)
    assert _plan(emptied) is None


def test_what_others_put_into_the_trash_is_counted_and_in_no_plan(emptied: Custody) -> None:
    """Junk under a true name, and what somebody took out, are said; neither is planned for."""
    ours = _files(emptied)
    folder = next(path for path in (emptied.place / ".strongroom" / "trash").rglob("*") if path.is_dir())
    (folder / "snapshots").mkdir(exist_ok=True)
    (folder / "snapshots" / f"{'ab' * 32}.0").write_bytes(b"junk")
    gone = next(path for path in folder.rglob("*") if path.is_file() and path.read_bytes() != b"junk")
    gone.unlink()
    found = contents_of_trash(emptied.state, emptied.adopted, emptied.store())
    assert found is not None
    assert found.others == 1
    assert [name.partition("/")[2] for name in found.gone] == [gone.name[:64]]
    assert {one.name for one in found.ours} == ours - set(found.gone)
    emptied.clock.advance((EXPIRY + 1) * DAY)
    assert _plan(emptied) is not None
    assert f"snapshots/{'ab' * 32}" not in _lying(emptied)


def test_m_3_a_judge_whose_clock_is_years_ahead_purges_nothing(emptied: Custody) -> None:
    """M-3: who moves the judge's clock, and asks for the purge each day, gets a plan; the executor counts E by what it
    saw itself, and lets nothing go before that."""
    own = ManualClock(emptied.clock.now_ns())
    emptied.records.close()
    emptied.records = Records(f"sqlite:///{emptied.home}/executor.db", own)
    before = _files(emptied)
    emptied.clock.advance(3 * 365 * DAY)
    number = _plan(emptied)
    assert number is not None
    for _ in range(EXPIRY - 1):
        went = next(one for one in emptied.hand_over().plans if one.number == number)
        assert went.removed == []
        assert _files(emptied) == before
        emptied.clock.advance(DAY)
        own.advance(DAY)
    assert any("has not lain in the trash for long enough" in words for words in went.waits)
    own.advance(2 * DAY)
    emptied.hand_over()
    assert not before & _files(emptied)
