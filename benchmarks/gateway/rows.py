"""The gateway's rows: the servers run side by side, each over its own folder, and take turns at every row.

One server is at work at a time; the order of turns rotates from round to round. What is sent is new in each round, so
that nothing is there already; what is read was sent in the same round. Nothing is dropped from the page cache.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import measure
from benchmarks.gateway import client, material, servers
from benchmarks.gateway.client import Loaded
from benchmarks.gateway.servers import Server

REQUESTS = {"upload": 16, "download": 48, "post": 1500, "get": 6000, "head": 6000}
"""Requests of each row and round."""
LISTED = 200_000


@dataclass
class Series:
    """One server in one row, round by round: requests a second, milliseconds of its processor time for each request,
    percentiles of the requests' times in milliseconds, the client's share of a core."""

    rate: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    median: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    grown: int = 0
    """Bytes of PSS that the row added at most (of the listing alone)."""

    def add(self, loaded: Loaded, processor: float) -> None:
        """Count one run of the client."""
        self.rate.append(loaded.requests / loaded.seconds)
        self.cpu.append(processor * 1e3 / loaded.requests)
        self.median.append(loaded.median_ms)
        self.late.append(loaded.late_ms)
        self.client.append(loaded.cpu / loaded.seconds)


Outcome = dict[str, dict[str, Series]]
"""By row, then by server."""


class Bench:
    """The servers of one place, and what the rows need."""

    def __init__(self, place: Path, cache: Path, rounds: int) -> None:
        self.place = place
        self.rounds = rounds
        self.client = client.build(cache)
        self.outcome: Outcome = {}
        self.memory: dict[str, int] = {}
        """PSS in bytes of each server, the highest seen after a round."""

    def measure(self, wanted: set[str]) -> None:
        """The five rows of single requests."""
        rows = [row for row in REQUESTS if row in wanted]
        if not rows:
            return
        with _memory() as memory, self._all(memory) as running:
            for number in range(self.rounds):
                large = material.bodies(memory / "large", material.LARGE, REQUESTS["upload"])
                small = material.bodies(memory / "small", material.SMALL, REQUESTS["post"])
                requests = {
                    "upload": large.posts("bench"),
                    "download": large.asks("GET", "bench", REQUESTS["download"]),
                    "post": small.posts("bench"),
                    "get": small.asks("GET", "bench", REQUESTS["get"]),
                    "head": small.asks("HEAD", "bench", REQUESTS["head"]),
                }
                for row, lines in requests.items():
                    for server in _turn(running, number):
                        if row in rows or row in ("upload", "post"):  # what is read must have been sent
                            self._one(row, server, lines)
                for server in running:
                    self.memory[server.name] = max(self.memory.get(server.name, 0), server.memory)
        self.outcome = {row: self.outcome[row] for row in rows}

    def _one(self, row: str, server: Server, lines: list[str]) -> Series:
        measure.settle()
        series = self.outcome.setdefault(row, {}).setdefault(server.name, Series())
        before = server.processor
        loaded = client.run(self.client, server.address, lines)
        series.add(loaded, server.processor - before)
        return series

    @contextlib.contextmanager
    def _all(self, memory: Path) -> Iterator[list[Server]]:
        """All servers over folders of their own, each with a repository named ``bench``."""
        body = material.config(memory / "config")
        with contextlib.ExitStack() as stack:
            running = []
            for number, name in enumerate((servers.OURS, servers.UNLOGGED, servers.RCLONE)):
                folder = self.place / f"server{number}"
                stack.callback(shutil.rmtree, folder, ignore_errors=True)
                server = stack.enter_context(servers.running(name, folder))
                client.run(self.client, server.address, material.making("bench", body), connections=1)
                running.append(server)
            yield running

    def listing(self) -> None:
        """One list of all packs at a time, of the same folder by both servers. The packs are put there behind ours."""
        folder = self.place / "listed"
        with _memory() as memory:
            body = material.config(memory / "config")
            with servers.running(servers.OURS, folder) as server:
                client.run(self.client, server.address, material.making("bench", body), connections=1)
        material.fill(folder / "bench", LISTED)
        try:
            with (
                servers.running(servers.OURS, folder) as ours,
                servers.running(servers.RCLONE, folder) as rclone,
            ):
                for number in range(self.rounds):
                    for server in _turn([ours, rclone], number):
                        with _growth(server) as grown:
                            series = self._one("list", server, ["GET /bench/data/"])
                        series.grown = max(series.grown, grown[0])
        finally:
            shutil.rmtree(folder)


def _turn(running: list[Server], number: int) -> list[Server]:
    first = number % len(running)
    return running[first:] + running[:first]


@contextlib.contextmanager
def _memory() -> Iterator[Path]:
    """A folder in memory for what the client sends: reading it costs no disk."""
    with tempfile.TemporaryDirectory(prefix="strongroom-bench-bodies-", dir="/dev/shm") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _growth(server: Server) -> Iterator[list[int]]:
    """Watch a server's PSS; the list's one entry is how far it rose."""
    before, grown, ended = server.memory, [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            grown[0] = max(grown[0], server.memory - before)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield grown
        time.sleep(0.06)
    finally:
        ended.set()
        thread.join()
