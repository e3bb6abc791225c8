"""M-3: the executor on a machine of its own, fed by signed messages, against whoever has the judge's machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.executor.operators import Operators
from strongroom.custody.executor.words import APPROVE, OperatorWord, plan_thing
from strongroom.custody.planned.orders import SNAPSHOTS
from strongroom.custody.planned.plans import plan_rows
from strongroom.custody.two_machines.mailbox import (
    OPEN_PLANS,
    TO_EXECUTOR,
)
from strongroom.receipts.commit.signing_key import load_or_create
from tests.attack.two_machines.stolen_judge import confirm, forged_plan, say
from tests.support.custody.in_process import DAY, Custody, Host, sound
from tests.support.custody.two_machines import TwoMachines


def test_m_3_what_no_window_needs_goes_there_and_comes_back_here(
    custody: Custody, host: Host, machines: TwoMachines
) -> None:
    """M-3: snapshots, index files and packs go by messages alone, each evening all that is listed is whole, nothing of
    it is an incident, and the judge brings back what went."""
    went: dict[str, int] = {}
    kinds = ("snapshots", "indexes", "packs")
    for _ in range(28):  # when a pack is worth its removal hangs on how blobs fell into packs
        host.backup()
        custody.settle()
        handed = machines.day()
        assert not handed.wrong
        for one in handed.plans:
            went[one.kind] = went.get(one.kind, 0) + len(one.removed)
        assert sound(custody.place) == []
        assert custody.open_incidents() == []
        if all(went.get(kind, 0) for kind in kinds):
            break
    assert all(went.get(kind, 0) for kind in kinds), went
    assert len(custody.names("snapshots")) < len(host.files)
    done = next(row for row in plan_rows(custody.state, custody.adopted.id, ("done",)) if row.kind == SNAPSHOTS)
    before = custody.names("snapshots")
    assert custody.handover().undo(machines.remote(), done.number, "ann", "")
    assert custody.names("snapshots") > before
    machines.serve()
    assert "undone" in machines.executor().waits(done.number)


def test_m_3_an_executor_that_looks_by_a_timer_is_heard_by_the_next_round(
    custody: Custody, host: Host, machines: TwoMachines
) -> None:
    """M-3: where it does not answer while the judge waits, snapshots go within the confirmation's hour, the next round
    takes that for what was meant, and index files stay: they go under the judge's lock alone."""
    machines.answers = False
    machines.begin()
    for _ in range(12):
        host.backup()
        custody.settle()
        handed = machines.day()
        assert not any(one.removed for one in handed.plans)
        assert custody.open_incidents() == []
        assert sound(custody.place) == []
    assert len(custody.names("snapshots")) < len(host.files) - 2
    assert any("the judge's lock is gone" in words for served in machines.served for _, words in served.refused)
    assert any(row.kind == SNAPSHOTS for row in plan_rows(custody.state, custody.adopted.id, ("done", "cancelled")))


def test_m_3_a_stolen_judge_waits_and_is_bounded(custody: Custody, host: Host, machines: TwoMachines) -> None:
    """M-3: a plan that is dated back, and said on one day as often as he likes, lets nothing go; on the third day no
    more than the bounds do, and he cannot approve it from there."""
    for _ in range(11):
        host.backup()
    custody.settle()
    names = [f"snapshots/{name}" for name in sorted(custody.names("snapshots"))]
    order = forged_plan(machines, names)
    for _ in range(5):
        confirm(machines, order, names)
        say(machines, OPEN_PLANS, {"digests": [order.digest]})
        machines.serve()
    assert len(custody.names("snapshots")) == 12
    machines.remote().approve(900, "the intruder")
    for _ in range(3):
        custody.clock.advance(DAY)
        say(machines, OPEN_PLANS, {"digests": [order.digest]})
        machines.serve()
    confirm(machines, order, names)
    found = machines.serve()
    assert [number for number, _ in found.removed] == [900] * len(found.removed)
    assert len(found.removed) <= 11 + 3  # what arrived since its first look, and a quarter
    assert not any(one.approved for one in [machines.records.sighting(custody.adopted.id, 900)] if one)


def test_m_3_a_plan_that_is_not_named_again_does_not_ripen(custody: Custody, machines: TwoMachines) -> None:
    """M-3: seen once and then passed over in silence it is not seen on three days, however long it lies there."""
    names = [f"snapshots/{name}" for name in custody.names("snapshots")]
    order = forged_plan(machines, names)
    machines.serve()
    for _ in range(20):
        custody.clock.advance(DAY)
        machines.serve()
    confirm(machines, order, names)
    assert machines.serve().removed == []
    assert "seen on 1 of 3 days" in machines.executor().waits(900)


def test_m_3_a_confirmation_goes_once_and_within_its_hour(custody: Custody, host: Host, machines: TwoMachines) -> None:
    """M-3: one that lay there for longer, and one that was copied under another number, let nothing go."""
    (name,) = custody.names("snapshots")
    host.backup()
    custody.settle()
    names = [f"snapshots/{name}"]
    order = forged_plan(machines, names)
    for _ in range(4):
        machines.serve()
        custody.clock.advance(DAY)
        say(machines, OPEN_PLANS, {"digests": [order.digest]})
    number = confirm(machines, order, names)
    custody.clock.advance(3700)
    found = machines.serve()
    assert found.removed == []
    assert "hour is over" in found.refused[0][1]
    folder = custody.place / ".strongroom" / TO_EXECUTOR
    (folder / f"{number + 7:010d}").write_bytes((folder / f"{number:010d}").read_bytes())
    assert machines.serve().messages == 0
    assert name in custody.names("snapshots")


def test_m_3_operators_sign_at_the_judge_and_count_there(custody: Custody, host: Host, tmp_path: Path) -> None:
    """M-3: with operators=1 told to the executor a plan goes beyond its bounds by a word that was passed on, and by no
    word of a key that its own roster has not."""
    machines = TwoMachines(custody, tmp_path / "executor", operators=1)
    machines.serve()
    for _ in range(3):
        host.backup()
    custody.settle()
    ann, eve = (load_or_create(str(tmp_path / name), name) for name in ("ann", "eve"))
    assert Operators(machines.records).add(ann.verifier, []) == 0
    order = forged_plan(machines, [f"snapshots/{name}" for name in custody.names("snapshots")])
    machines.serve()
    thing = plan_thing(900, order.digest)
    for key in (eve, ann):
        word = OperatorWord(custody.adopted.id, custody.adopted.store, APPROVE, thing, 0, os.urandom(8).hex())
        machines.remote().tell_word(word.sign(key))
        machines.serve()
        seen = machines.records.sighting(custody.adopted.id, 900)
        assert seen is not None
        assert bool(seen.approved) == (key is ann)
    machines.close()


@pytest.mark.parametrize("kind", [Kind.DATA, Kind.KEY])
def test_s_8_wrong_bytes_are_set_aside_there_for_those_of_the_replica(
    custody: Custody, machines: TwoMachines, kind: Kind
) -> None:
    """S-8: the judge asks, the executor hashes, and puts away what is not its name; what is right stays."""
    name = sorted(custody.names(kind.value))[0]
    target = next((custody.place / kind.value).rglob(name))
    with pytest.raises(Exception, match="has the bytes"):
        machines.remote().set_aside(ObjectName(kind, name))
    target.chmod(0o600)
    target.write_bytes(b"wrong")
    machines.remote().set_aside(ObjectName(kind, name))
    assert not target.exists()
