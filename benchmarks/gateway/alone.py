"""What the machine allows: hashing alone, and syncing alone, in the order in which a gateway has to do it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.gateway.client import CONNECTIONS


def _together(work: Callable[[int], None], seconds: float) -> float:
    """How often a second the work is done by as many threads as the client has connections."""
    until = time.perf_counter() + seconds
    done = [0] * CONNECTIONS

    def repeat(number: int) -> None:
        while time.perf_counter() < until:
            work(number)
            done[number] += 1

    begun = time.perf_counter()
    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begun)


def hashing(size: int, seconds: float = 1.0) -> float:
    """SHA-256 of bodies of this size, a second, on all cores."""
    data = os.urandom(size)

    def work(_number: int) -> None:
        hashlib.sha256(data).digest()

    return _together(work, seconds)


def syncing(place: Path, size: int, seconds: float = 2.0, *, database: bool) -> float:
    """Bodies a second that are written, synced, linked, their folder synced; with ``database``, also one commit each
    that nobody shares (group commit shares it: the truth for concurrent requests lies between the two figures)."""
    folder = place / "alone"
    folder.mkdir()
    data = memoryview(os.urandom(size))
    commit = _commits(folder) if database else None

    def work(number: int) -> None:
        path, final = f"{folder}/{number}-{time.perf_counter_ns()}", f"{folder}/to{number}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        left = data
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
        os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(final)
        os.link(path, final)
        at = os.open(folder, os.O_RDONLY)
        os.fsync(at)
        os.close(at)
        if commit is not None:
            commit()
        os.unlink(path)

    try:
        return _together(work, seconds)
    finally:
        shutil.rmtree(folder)


def _commits(folder: Path) -> Callable[[], None]:
    database = sqlite3.connect(folder / "alone.db", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE receipt (data BLOB)")
    guard = threading.Lock()

    def commit() -> None:
        with guard:
            database.execute("INSERT INTO receipt VALUES (?)", (b"x" * 500,))

    return commit
