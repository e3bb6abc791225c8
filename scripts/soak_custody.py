"""A soak of the custodian: months of one host after the other, with a provider that errs and an intruder.

    scripts/soak_custody.py [SECONDS] [SEED] [DAYS]

Each host has 60 days unless told otherwise; a year takes some five minutes. Months that were begun are brought to their
end, for as long again as was asked for. The seed of each is printed, so that it can be repeated:
``STRONGROOM_SIMULATION_SEED=SEED STRONGROOM_SIMULATED_DAYS=60 STRONGROOM_SIMULATED_HOSTS=1 pytest tests/simulation``.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.simulation.world import World

DAYS = 60


def main(seconds: float, seed: int, length: int = DAYS) -> None:
    """Run hosts of so many days until the time is over; any failure ends it with an exception."""
    end = time.monotonic() + seconds
    hosts = days = 0
    while time.monotonic() < end:
        intrusion = random.Random(seed).randrange(length // 4, length)
        print(f"soak of the custodian: seed {seed}, the intruder comes on day {intrusion} of {length}", flush=True)
        with tempfile.TemporaryDirectory(prefix="strongroom-soak-") as folder:
            world = World(Path(folder), seed, intrusion)
            for _ in range(length):
                world.day()
                days += 1
                if time.monotonic() > end + seconds:
                    break
            world.check_bounded()
            world.close()
        hosts += 1
        seed += 1000
    print(f"soak of the custodian: {hosts} hosts, {days} days")


if __name__ == "__main__":
    main(
        float(sys.argv[1]) if len(sys.argv) > 1 else 600,
        int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32),
        int(sys.argv[3]) if len(sys.argv) > 3 else DAYS,
    )
