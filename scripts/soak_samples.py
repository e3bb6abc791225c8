"""Memory and descriptors of a gateway's processes while it is soaked."""

from __future__ import annotations

import statistics
import threading
from dataclasses import dataclass, field

from benchmarks.processes import descriptors, memory

LIMIT = 150e6
"""PSS of all processes of the gateway in bytes, at most."""


GROWTH = 1.10
"""The last third's median of PSS over the middle third's, at most."""


POOLS = 96
"""Descriptors that may stay open: each worker's eight connections of the database, of three descriptors, and eight
channels for receipts with both ends. Of thousands of requests, a leak would leave more."""


@dataclass
class Samples:
    """PSS in bytes and open descriptors of all processes of the gateway, once a second."""

    memory: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def watch(self, pid: int, end: threading.Event) -> None:
        """Sample until told to end."""
        while not end.wait(1.0):
            self.memory.append(memory(pid))
            self.descriptors.append(descriptors(pid))

    def check(self, before: int, after: int) -> None:
        """Raise ``AssertionError`` when memory was too much or grew, or descriptors are left that were not there."""
        third, tenth = len(self.memory) // 3, max(1, len(self.memory) // 10)
        tenths = [statistics.median(self.memory[i : i + tenth]) / 1e6 for i in range(0, len(self.memory), tenth)]
        print(f"  memory over time, MB PSS: {', '.join(f'{one:.0f}' for one in tenths)}")
        middle, last = statistics.median(self.memory[third : 2 * third]), statistics.median(self.memory[-third:])
        print(
            f"  memory of all processes: highest {max(self.memory) / 1e6:.0f} MB PSS, median of the middle third "
            f"{middle / 1e6:.0f}, of the last {last / 1e6:.0f}; descriptors: {before} before, at most "
            f"{max(self.descriptors)}, {after} after"
        )
        assert max(self.memory) <= LIMIT, "too much memory"
        assert last <= middle * GROWTH, "memory grows"
        assert after <= before + POOLS, "descriptors are left open"
