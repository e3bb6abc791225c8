"""A host whose files somebody encrypts in place, two of a hundred a day, and leaves everything else as it is."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from strongroom.custody.deciding import snapshots_of
from strongroom.custody.policy import CustodyPolicy
from tests.simulation.honest import SimulatedHost
from tests.support.clock import ManualClock
from tests.support.custody.in_process import DAY, Custody
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD

FILES, INTRUSION, DAYS = 300, 24, 44
POLICY = CustodyPolicy(
    daily=5, weekly=3, monthly=0, yearly=0, detection=3, floor=1, hold=2, verify=60, expiry=80, rpo_hours=48
)


@pytest.mark.slow
def test_weeks_of_slow_encryption(restic: Restic, tmp_path: Path) -> None:
    """R-11: within a week of two percent a day it is suspicious; from then on nothing of the source goes, however many
    days pass, until an operator has looked; and stock restic restores what was before, file by file."""
    dice = random.Random(20261201)
    clock = ManualClock(1_800_000_000 * 10**9)
    host = SimulatedHost(tmp_path / "repository", clock, dice, count=FILES, prose=True)
    host.save(host.files)
    custody = Custody(host.place, tmp_path / "home", POLICY, clock)
    victims = sorted(host.files)
    dice.shuffle(victims)
    before: dict[str, str] = {}
    removed, suspected, listed = list[str](), 0, set[str]()
    try:
        for day in range(DAYS):
            custody.clock.advance(DAY)
            if day < INTRUSION:
                for name in dice.sample(sorted(host.files), k=4):
                    host.files[name] = host.content()
            else:
                first = (day - INTRUSION) * FILES // 50
                for name in victims[first : first + FILES // 50]:
                    host.files[name] = dice.randbytes(len(host.files[name]))
            made = host.save(host.files)
            custody.round()
            rows = {row.id: row for row in snapshots_of(custody.state, custody.adopted)}
            if day < INTRUSION:
                before[made] = rows[made].verdict
            handed = custody.hand_over()
            gone = [name for one in handed.plans for name in one.removed if name.startswith("snapshots/")]
            if suspected:
                assert not gone, day
                assert rows[made].verdict == "suspicious", day
                assert custody.names("snapshots") >= listed
            elif rows[made].verdict == "suspicious":
                assert "cold-files-turned" in rows[made].reasons
                suspected, listed = day, custody.names("snapshots")
            else:
                removed += gone
        assert set(before.values()) == {"good"}
        assert removed
        assert INTRUSION < suspected <= INTRUSION + 7
        newest = [name for name in before if name in listed][-1]
        assert newest == list(before)[-1]
        out = tmp_path / "out"
        env = {"RESTIC_PASSWORD": PASSWORD.decode()}
        restic.on(custody.place, "restore", newest, "--no-lock", "--target", out, env=env).expect(0)
        found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        assert found == host.backups[newest]
    finally:
        custody.close()
