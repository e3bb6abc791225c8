"""Bandwidth limits."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from strongroom.base import errors
from strongroom.base.objects import Kind, ObjectName
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.wrappers.throttle import RateLimit
from tests.support.clock import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

PACK = ObjectName(Kind.DATA, "ab" * 32)


def test_rates_hold(tmp_path: Path) -> None:
    """A megabyte at 100 KiB/s up takes ten seconds, at 200 KiB/s down five."""
    clock = ManualClock()
    store = open_store(str(tmp_path / "r"), StoreOptions(clock=clock, limit_upload=100, limit_download=200))
    store.prepare()
    data = bytes(1_024_000)
    store.create(PACK, data)
    up = clock.monotonic()
    assert 9.7 <= up <= 10.0
    assert store.read_bytes(PACK) == data
    assert 4.7 <= clock.monotonic() - up <= 5.0


def test_idle_time_is_not_saved_up() -> None:
    """After an hour of silence no more than a quarter of a second's worth passes at once."""
    clock = ManualClock()
    bucket = RateLimit(1000, StoreOptions(clock=clock))
    clock.advance(3600)
    bucket.take(250)
    assert not clock.sleeps
    bucket.take(1000)
    assert 0.99 <= sum(clock.sleeps) <= 1.01


def test_threads_share_a_limit() -> None:
    """Ten threads together pass no more than one would."""
    clock = ManualClock()
    bucket = RateLimit(1000, StoreOptions(clock=clock))

    def take_ten() -> None:
        for _ in range(10):
            bucket.take(100)

    threads = [threading.Thread(target=take_ten) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.monotonic() >= 9.7


def test_one_direction_leaves_the_other_alone(tmp_path: Path) -> None:
    """A limit on uploads slows no download, which keeps its descriptor."""
    clock = ManualClock()
    store = open_store(str(tmp_path / "r"), StoreOptions(clock=clock, limit_upload=1))
    store.prepare()
    store.create(PACK, b"pack")
    clock.sleeps.clear()
    with store.read(PACK) as reader:
        assert reader.fileno() is not None
        assert reader.read() == b"pack"
    assert not clock.sleeps


def test_cancelling_ends_a_slow_upload(tmp_path: Path) -> None:
    """An upload that would take hours ends five seconds after the wish to stop, and leaves nothing."""
    clock = ManualClock()
    store = open_store(str(tmp_path / "r"), StoreOptions(clock=clock, limit_upload=1, cancelled=lambda: True))
    store.prepare()
    with pytest.raises(errors.Interrupted):
        store.create(PACK, bytes(10_000_000))
    assert not list(store.list(Kind.DATA))
    assert 5 <= clock.monotonic() < 6


def test_what_is_nearly_done_is_finished(tmp_path: Path) -> None:
    """An upload that needs five more seconds after the wish to stop gets them."""
    clock = ManualClock()
    store = open_store(str(tmp_path / "r"), StoreOptions(clock=clock, limit_upload=1, cancelled=lambda: True))
    store.prepare()
    store.create(PACK, bytes(5 * 1024))
    assert store.stat(PACK).size == 5 * 1024
