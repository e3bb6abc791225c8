"""Ways in which a custodian that deletes could lose something, each closed: by whom it was meant, what came of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from strongroom.base.errors import Refused
from strongroom.base.objects import ObjectName
from strongroom.custody.deciding import pin_snapshot
from strongroom.custody.deletion.condemning import choose, condemn
from strongroom.custody.deletion.survey import survey
from strongroom.custody.executor.contract import Went
from strongroom.custody.planned.packs import condemned_packs
from strongroom.custody.planned.plans import plan_row, plan_rows
from strongroom.custody.state import State
from strongroom.format import rfc3339
from tests.support.custody.fixtures import days
from tests.support.custody.in_process import DAY, POLICY, Custody, Host, restores, sound
from tests.support.forge import dumps, node, sha, zstd_bomb


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
    with custody.handover().working() as (_, repository):
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
    pin_snapshot(custody.state, custody.adopted, again, "ann", "so that the policy has no say", pinned=True)
    days(custody, host, 6)
    assert restores(custody.place, again, host.files[again])


def test_b_1_a_bomb_in_place_of_a_snapshot_ends_no_round(custody: Custody, host: Host) -> None:
    """B-1: while packs are on their way out, a snapshot that is a zstd bomb is an incident, and the round goes on."""
    days(custody, host, 10)
    assert condemned_packs(custody.state, custody.adopted.id)
    host.forge.compressed("snapshots", zstd_bomb(1 << 30))
    custody.clock.advance(DAY / 2)
    honest = host.backup()
    outcome = custody.round()
    assert outcome.failure == ""
    assert [one.verdict for one in outcome.judged if one.id == honest] == ["good"]


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
    for _ in range(POLICY.detection):  # the ages of all have begun anew
        assert plan_rows(custody.state, custody.adopted.id) == []
        custody.clock.advance(DAY)
        host.backup()
        custody.round()
    assert min(row.number for row in plan_rows(custody.state, custody.adopted.id)) > max(known)


def test_g4_a_lock_that_is_refreshed_for_ever_delays_for_a_while(custody: Custody, host: Host) -> None:
    """G-4, G-5: nobody takes such a lock away; all waits for it for so many days, then it is an incident."""
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


class Refusing:
    """A store that lets nothing go."""

    def check(self) -> None:
        """It looks well."""

    def put_away(self, name: ObjectName, *_: object, **_more: object) -> None:
        """Refused."""
        raise Refused("access denied", subject=str(name))


def test_what_was_confirmed_and_stayed_is_missed_when_an_intruder_takes_it(custody: Custody, host: Host) -> None:
    """S-1: a removal failed, and an operator pinned what it was to remove: it is no more ours than anything else."""
    days(custody, host, 4, look=False)
    failed: list[Went] = []
    while not failed:
        host.backup()
        custody.clock.advance(DAY)
        custody.round()
        executor = custody.executor()
        executor._removal = Refusing()  # type: ignore[assignment]
        plans = custody.handover().hand_over(executor).plans
        failed = [one for one in plans if "access denied" in "".join(one.waits)]
    row = plan_row(custody.state, custody.adopted.id, failed[0].number)
    assert row is not None
    (name,) = json.loads(row.body)["remove"]
    pin_snapshot(custody.state, custody.adopted, name, "ann", "we keep it", pinned=True)
    (custody.place / "snapshots" / name).unlink()
    custody.clock.advance(3600)
    custody.round()
    assert [code for code, _ in custody.open_incidents()] == ["missing"]
