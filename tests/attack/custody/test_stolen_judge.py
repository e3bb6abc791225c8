"""M-3: whoever has the judge's key and state signs what he likes; the executor believes what it saw itself."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from strongroom.base.errors import Damaged, Refused
from strongroom.base.record import replace
from strongroom.custody.executor.records import Records
from strongroom.custody.planned.orders import SNAPSHOTS, Confirmation, Item, Order, SignedBytes
from strongroom.custody.planned.plans import plan_rows, signed
from tests.support.clock import ManualClock
from tests.support.custody.fixtures import days
from tests.support.custody.in_process import BOOT, DAY, Custody, Host
from tests.support.forge import sha


def order_for(custody: Custody, names: list[str], number: int = 900, *, kind: str = SNAPSHOTS) -> SignedBytes:
    """A plan that whoever holds the judge's key can sign, dated a year ago."""
    return Order(
        repository=custody.adopted.id,
        store=custody.adopted.store,
        epoch=1,
        number=number,
        kind=kind,
        made_ns=custody.clock.now_ns() - 365 * DAY * 10**9,
        policy="",
        items=tuple(Item(name, 1) for name in names),
    ).sign(custody.signer)


def confirmation_for(custody: Custody, order: SignedBytes, names: list[str], number: int = 900) -> SignedBytes:
    """Its confirmation, of now."""
    return Confirmation(
        repository=custody.adopted.id,
        store=custody.adopted.store,
        epoch=1,
        number=number,
        order=order.digest,
        names=tuple(names),
        issued_ns=custody.clock.now_ns(),
        boot=BOOT,
        boot_ns=custody.boot()[1],
        nonce=os.urandom(8).hex(),
    ).sign(custody.signer)


def held_for(custody: Custody, order: SignedBytes, count: int) -> None:
    """The executor sees a plan on so many days."""
    for _ in range(count):
        custody.executor().look([order])
        custody.clock.advance(DAY)


def test_m3_a_stolen_judge_cannot_date_back(custody: Custody) -> None:
    """M-3: a plan that says it is a year old waits from the moment at which the executor first sees it."""
    names = [f"snapshots/{name}" for name in custody.names("snapshots")]
    order = order_for(custody, names)
    custody.executor().look([order])
    with pytest.raises(Refused, match="held for"):
        custody.executor().execute(order, confirmation_for(custody, order, names))
    assert len(custody.names("snapshots")) == 1


def test_m3_all_plans_together_are_bounded(custody: Custody, host: Host) -> None:
    """M-3: whatever is signed, in thirty days no more goes than what arrived and a quarter of what is there."""
    for _ in range(11):
        host.backup()
    custody.records.close()  # an executor that meets the repository now takes none of it for new
    custody.records = Records(f"sqlite:///{custody.home}/fresh.db", custody.clock)
    custody.executor().look([])
    names = [f"snapshots/{name}" for name in sorted(custody.names("snapshots"))]
    orders = [order_for(custody, names, number) for number in (900, 901)]
    for _ in range(4):
        custody.executor().look(orders)
        custody.clock.advance(DAY)
    first = custody.executor().execute(orders[0], confirmation_for(custody, orders[0], names))
    assert len(first.removed) == 3
    second = custody.executor().execute(orders[1], confirmation_for(custody, orders[1], names, 901))
    assert second.removed == []
    assert len(custody.names("snapshots")) == 9


def test_m3_a_confirmation_goes_once_and_within_its_hour(custody: Custody, host: Host) -> None:
    """M-3: replayed after an undo it does nothing; late, altered, or with more than the plan, it does nothing."""
    (name,) = custody.names("snapshots")
    host.backup()
    names = [f"snapshots/{name}"]
    order = order_for(custody, names)
    held_for(custody, order, 4)
    confirmed = confirmation_for(custody, order, names)
    forged = replace(confirmed, body=confirmed.body.replace(b'"number":900', b'"number":901'))
    executor = custody.executor()
    with pytest.raises(Damaged, match="does not verify"):
        executor.execute(order, forged)
    more = confirmation_for(custody, order, [*names, f"snapshots/{sha(b'other')}"])
    with pytest.raises(Refused, match="what the plan does not"):
        executor.execute(order, more)
    late = confirmation_for(custody, order, names)
    custody.clock.advance(3700)
    with pytest.raises(Refused, match="hour is over"):
        executor.execute(order, late)
    confirmed = confirmation_for(custody, order, names)
    executor.approve(900, "ann")
    assert executor.execute(order, confirmed).removed == names
    shutil.copy(next((custody.place / ".strongroom/trash").rglob(f"{name}.0")), custody.place / "snapshots" / name)
    with pytest.raises(Refused, match="used already"):
        executor.execute(order, confirmed)
    assert name in custody.names("snapshots")


def test_two_plans_of_one_number_are_none(custody: Custody) -> None:
    """Whoever signs another plan under a number that was seen has neither executed."""
    names = [f"snapshots/{name}" for name in custody.names("snapshots")]
    order = order_for(custody, names)
    held_for(custody, order, 2)
    other = order_for(custody, [])
    assert "two plans have this number" in custody.executor().look([other])[0]
    held_for(custody, order, 2)
    with pytest.raises(Refused, match="two plans"):
        custody.executor().execute(order, confirmation_for(custody, order, names))


def test_the_judges_key_signs_every_word(custody: Custody, host: Host) -> None:
    """A plan with one other byte, or of another key, is none to the executor."""
    days(custody, host, 5)
    row = plan_rows(custody.state, custody.adopted.id)[0]
    document = signed(row)
    assert document is not None
    other = SignedBytes(document.body.replace(b'"kind":"snapshots"', b'"kind":"snapshotz"'), document.signature)
    assert "does not verify" in custody.executor().look([other])[0]


def test_a_clock_of_its_own(tmp_path: Path) -> None:
    """The hold is counted by the executor's clock: a judge's that is years ahead changes nothing."""
    made = ManualClock(1_800_000_000 * 10**9)
    host = Host(tmp_path / "r", made)
    host.backup()
    custody = Custody(host.place, tmp_path / "home", clock=made)
    own = Records(f"sqlite:///{tmp_path}/own.db", ManualClock(1_800_000_000 * 10**9))
    custody.records.close()
    custody.records = own
    names = [f"snapshots/{name}" for name in custody.names("snapshots")]
    order = order_for(custody, names)
    custody.executor().look([order])
    made.advance(3650 * DAY)
    assert custody.executor().waits(900).startswith("held for")
    custody.close()
