"""Hosts, a provider that errs and an intruder from a random day on: thirty days here, sixty and more in `make soak`.

A day costs a third of a second of one processor, so three hosts for a month are what the suite has time for.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.simulation.world import World
from tests.support.programs import Restic
from tests.support.repositories import PASSWORD

ENV = {"RESTIC_PASSWORD": PASSWORD.decode()}
HOSTS = int(os.environ.get("STRONGROOM_SIMULATED_HOSTS", "3"))
DAYS = int(os.environ.get("STRONGROOM_SIMULATED_DAYS", "30"))
SEED = int(os.environ.get("STRONGROOM_SIMULATION_SEED", "20261130"))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(HOSTS))
def test_months_with_an_intruder(number: int, restic: Restic, tmp_path: Path) -> None:
    """T-1, X-3, R-1, A-1: after every step nothing went before its holds, each thing was found in a round, all that is
    listed restores by hash; at the end stock restic restores the newest of the host's, and what is kept is bounded."""
    seed = SEED + 1000 * number
    intrusion = random.Random(seed).randrange(DAYS // 4, DAYS)
    print(f"simulation: seed {seed}, {DAYS} days, the intruder comes on day {intrusion}")
    world = World(tmp_path, seed, intrusion)
    try:
        for _ in range(DAYS):
            world.day()
        assert world.removed > 0
        assert world.honest_suspected <= DAYS // 30 + 1
        world.check_bounded()
        listed = world.custody.names("snapshots") & world.honest.keys()
        newest = max(listed, key=lambda name: world.honest[name].arrival_ns)
        for path, content in world.broken.items():
            path.write_bytes(content)
        out = tmp_path / "out"
        restic.on(world.custody.place, "restore", newest, "--no-lock", "--target", out, env=ENV).expect(0)
        found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        assert found == world.host.backups[newest]
    finally:
        world.close()
