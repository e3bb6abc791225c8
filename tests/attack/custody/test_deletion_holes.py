"""Ways in which a custodian that deletes could lose something, each closed: by whom it was meant, what came of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from strongroom.base.errors import Damaged, Refused
from strongroom.base.record import replace
from strongroom.custody.deciding import pin_snapshot
from strongroom.custody.deletion.condemning import choose, condemn
from strongroom.custody.deletion.orders import SNAPSHOTS, Confirmation, Item, Order, SignedBytes
from strongroom.custody.deletion.survey import survey
from strongroom.custody.deletion.tables import condemned_packs, plan_rows, signed
from strongroom.custody.executor.records import Records
from strongroom.custody.state import State
from strongroom.format import rfc3339
from tests.support.clock import ManualClock
from tests.support.custody.fixtures import days
from tests.support.custody.in_process import BOOT, DAY, Custody, Host, restores, sound
from tests.support.forge import dumps, node, sha


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


def test_a_pin_during_the_hold_counts(custody: Custody, host: Host) -> None:
    """What an operator pins while it is planned leaves the plan."""
    days(custody, host, 5)
    (plan, *_) = custody.round().plans
    (name,) = plan.remove
    pin_snapshot(custody.state, custody.adopted, name, "ann", "the year's end", pinned=True)
    went = days(custody, host, 5)
    assert f"snapshots/{name}" not in [one for _, _, names in went for one in names]
    assert restores(custody.place, name, host.files[name])


def test_copies_of_each_other_never_go_together(custody: Custody, host: Host) -> None:
    """A-1, A-2: of two packs with the same blobs that are both condemned, one returns to the index in time."""
    twin = host.forge.pack(("data", host.kept))
    host.forge.index(host.forge.entries[-1:])
    custody.settle()
    days(custody, host, 1)
    packs = [entry["id"] for entry in host.forge.entries if entry["blobs"][0]["id"] == twin[0]]
    assert len(packs) == 2
    lease = custody.state.claim(custody.adopted.id, "test")
    condemn(custody.state, lease, custody.adopted.id, packs)
    custody.state.release(lease)
    days(custody, host, 9)
    assert len(custody.names("data") & set(packs)) >= 1


def test_nothing_is_condemned_while_a_tree_is_missing(custody: Custody, host: Host, tmp_path: Path) -> None:
    """A snapshot that was whole and cannot be walked forbids every condemnation, and packs that were due stay."""
    days(custody, host, 9)
    assert condemned_packs(custody.state, custody.adopted.id)
    newest = list(host.files)[-1]
    tree_pack = host.packs[newest][-1]
    before = custody.names("data") - {tree_pack}
    hidden = custody.place / "data" / tree_pack[:2] / tree_pack
    shutil.move(hidden, tmp_path / "hidden")
    custody.clock.advance(DAY)
    outcome = custody.round()
    assert outcome.prepared.condemned == []
    with custody.handover()._working() as (_, repository):
        found = survey(custody.state, repository, custody.handover()._reporter)
        choice = choose(custody.state, custody.adopted, found, custody.clock.now_ns())
    assert choice.packs == {}
    assert "cannot be walked" in choice.obstacles[0]
    for _ in range(3):
        custody.clock.advance(DAY)
        custody.round()
        custody.hand_over()
    assert custody.names("data") == before


def reuse(host: Host, tree_of: str) -> str:
    """A host with an old cache backs up what it had then: it stores a snapshot and nothing else."""
    entries = {blob["id"]: entry for entry in host.forge.entries for blob in entry["blobs"]}
    files = host.files[tree_of]
    text = dumps(
        {
            "nodes": [
                node("fresh", "file", content=[sha(files["fresh"])], size=len(files["fresh"])),
                node("kept", "file", content=[sha(files["kept"])], size=len(files["kept"])),
            ]
        }
    )
    tree = sha(text + b"\n")
    assert tree in entries
    name = host.forge.snapshot(tree, time=rfc3339.format_utc(host.clock.now_ns()), tags=["again"]).name
    host.files[name] = files
    return name


def test_what_a_new_snapshot_needs_of_condemned_packs_returns(custody: Custody, host: Host) -> None:
    """A stale memo of completeness: trees that were whole once are walked again, and their packs return to an index."""
    days(custody, host, 10)
    assert condemned_packs(custody.state, custody.adopted.id)
    gone = [name for name in list(host.files)[:8] if name not in custody.names("snapshots")]
    assert gone
    wanted = next(
        name for name in gone if set(host.packs[name]) & set(condemned_packs(custody.state, custody.adopted.id))
    )
    again = reuse(host, wanted)
    custody.clock.advance(DAY / 2)
    host.backup()
    outcome = custody.round()
    assert [one.verdict for one in outcome.judged if one.id == again] == ["good"]
    assert restores(custody.place, again, host.files[again])
    days(custody, host, 6)
    assert restores(custody.place, again, host.files[again])


def test_a_host_that_is_back_after_two_months(custody: Custody, host: Host) -> None:
    """What its old cache says is there was removed long ago: it is brought back before the verdict."""
    days(custody, host, 13)
    wanted = next(
        name
        for name in host.files
        if name not in custody.names("snapshots") and not set(host.packs[name]) <= custody.names("data")
    )
    custody.clock.advance(58 * DAY)
    host.backup()
    custody.round()
    again = reuse(host, wanted)
    assert not restores(custody.place, again, host.files[again])
    custody.clock.advance(DAY)
    outcome = custody.round()
    assert [one.verdict for one in outcome.judged if one.id == again] == ["good"]
    assert restores(custody.place, again, host.files[again])
    assert sound(custody.place) == []
    assert custody.open_incidents() == []


def test_a9_a_first_upload_longer_than_the_window(custody: Custody, host: Host) -> None:
    """A-9: packs that no snapshot ever reached are left alone for E, so that weeks of a first upload count."""
    content = os.urandom(30_000)
    host.forge.pack(("data", content))
    host.forge.index(host.forge.entries[-1:])
    slow = host.forge.entries[-1]["id"]
    went = days(custody, host, 16)
    assert "packs" in [kind for _, kind, _ in went]
    assert slow in custody.names("data")
    tree = host.forge.tree(node("slow", "file", content=[sha(content)], size=len(content)))
    host.forge.index(host.forge.entries[-1:])
    name = host.forge.snapshot(tree, time=rfc3339.format_utc(custody.clock.now_ns())).name
    days(custody, host, 1, look=False)
    assert sound(custody.place) == []
    assert restores(custody.place, name, {"slow": content})


def test_two_custodians_do_not_delete_in_one_place(custody: Custody, host: Host, tmp_path: Path) -> None:
    """The place names who may delete; another custodian plans, and its executor refuses."""
    other = Custody(host.place, tmp_path / "other", clock=custody.clock, name="other")
    other.round()
    other.hand_over()
    for _ in range(9):
        other.clock.advance(DAY)
        host.backup()
        other.round()
        handed = other.hand_over()
        assert all(one.removed == [] for one in handed.plans)
    assert any("another custodian" in why for one in handed.plans for why in one.waits)
    assert len(other.names("snapshots")) == len(host.files)
    other.close()


def test_a_state_that_was_brought_back_has_no_plans(custody: Custody, host: Host, tmp_path: Path) -> None:
    """The executor knows newer plans than the state does: its old ones are void, and new ones begin a new hold."""
    days(custody, host, 5)
    custody.round()
    custody.hand_over()
    custody.state.close()
    shutil.copytree(custody.home / "state", tmp_path / "copy")
    custody.state = State(str(custody.home / "state"), custody.clock)
    days(custody, host, 4)
    known = {row.number for row in plan_rows(custody.state, custody.adopted.id)}
    assert known
    custody.state.close()
    shutil.rmtree(custody.home / "state")
    shutil.copytree(tmp_path / "copy", custody.home / "state")
    custody.state = State(str(custody.home / "state"), custody.clock)
    left = custody.names("snapshots")
    custody.clock.advance(DAY)
    host.backup()
    custody.handover().show(custody.executor())
    assert plan_rows(custody.state, custody.adopted.id) == []
    custody.round()
    custody.hand_over()
    assert left <= custody.names("snapshots")
    assert min(row.number for row in plan_rows(custody.state, custody.adopted.id)) > max(known)


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


def test_g4_a_lock_that_is_refreshed_for_ever_delays_for_a_while(custody: Custody, host: Host) -> None:
    """G-4: old index files and packs wait for such a lock for so many days; then it is an incident, and they go."""
    kinds: list[str] = []
    waited = 0
    for _ in range(40):
        waited += 1
        for path in (custody.place / "locks").iterdir():
            path.unlink()
        lock: dict[str, object] = {"exclusive": False, "hostname": "evil", "username": "e", "pid": 7}
        lock["time"] = rfc3339.format_utc(custody.clock.now_ns() + DAY * 10**9)
        host.forge.unpacked("locks", dumps(lock))
        kinds += [kind for _, kind, _ in days(custody, host, 1, look=False)]
        if "packs" in kinds:
            break
    assert 12 < waited < 40
    assert "lock" in [code for code, _ in custody.open_incidents()]
    assert sound(custody.place) == []


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
