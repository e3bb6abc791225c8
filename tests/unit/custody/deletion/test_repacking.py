"""Packs that are mostly waste are written anew, and the old ones go like any that no snapshot needs."""

from __future__ import annotations

import os
from pathlib import Path

from strongroom.custody.planned.plans import approve
from strongroom.format import rfc3339
from tests.support.clock import ManualClock
from tests.support.custody.in_process import DAY, Custody, Host, restores, sound
from tests.support.forge import node, sha


def test_a_pack_with_one_blob_that_is_needed(tmp_path: Path) -> None:
    """Its blob is in a new pack, read and indexed, before the old one goes; restores never miss it."""
    clock = ManualClock(1_800_000_000 * 10**9)
    host = Host(tmp_path / "r", clock)
    wanted = os.urandom(9_000)
    waste = [os.urandom(80_000) for _ in range(3)]
    host.forge.pack(*(("data", content) for content in (wanted, *waste)))
    old = host.forge.entries[-1]["id"]
    tree = host.forge.tree(node("wanted", "file", content=[sha(wanted)], size=len(wanted)))
    host.forge.index()
    special = host.forge.snapshot(tree, time=rfc3339.format_utc(clock.now_ns()), hostname="other").name
    host.backup()
    custody = Custody(host.place, tmp_path / "home", clock=clock)
    repacked: list[str] = []
    for _ in range(14):
        clock.advance(DAY / 2)
        host.backup()
        custody.settle()
        clock.advance(DAY / 2)
        repacked += custody.round().prepared.repacked
        for plan in custody.hand_over().plans:
            if any("of all bytes" in why for why in plan.waits):  # much goes at once, so a person is asked
                approve(custody.state, custody.adopted, plan.number, "ann", "seen")
                custody.executor().approve(plan.number, "ann")
        assert restores(custody.place, special, {"wanted": wanted})
        assert sound(custody.place) == []
        if old not in custody.names("data"):
            break
    assert len(repacked) == 1
    assert old not in custody.names("data")
    assert repacked[0] in custody.names("data")
    custody.close()
