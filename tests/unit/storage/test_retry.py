"""Retries: what is tried again, for how long, and what stops it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base import errors
from strongroom.base.objects import Kind, ObjectName
from strongroom.storage.local.store import LocalStore
from strongroom.storage.locate import open_store
from strongroom.storage.options import StoreOptions
from strongroom.storage.transient import Busy, Unreachable
from strongroom.storage.wrappers.retry import Retrier, RetryStore
from tests.support.clock import ManualClock
from tests.support.faults import FaultyStore
from tests.support.servers.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

PACK = ObjectName(Kind.DATA, "ab" * 32)


def passing(times: int = 1) -> list[Exception]:
    """So many passing faults."""
    return [errors.Unavailable("away", subject="somewhere") for _ in range(times)]


class Bench:
    """A store that fails on command behind retries that wait on a clock of the test's."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.messages: list[str] = []
        self.stop = False
        self.options = StoreOptions(
            clock=self.clock, on_retry=self.messages.append, cancelled=lambda: self.stop, retry_for=900
        )
        self.faulty = FaultyStore(LocalStore(str(folder / "repository")))
        self.store = RetryStore(self.faulty, Retrier(self.options))
        self.store.prepare()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A prepared bench."""
    return Bench(tmp_path)


def test_passing_faults_pass(bench: Bench) -> None:
    """Every operation is tried again after Unavailable, and each wait is announced."""
    for operation in ("create", "stat", "read", "list", "release_lock", "prepare"):
        bench.faulty.fail(operation, *passing(3))
    bench.store.create(PACK, b"pack")
    assert bench.store.stat(PACK).size == 4
    assert bench.store.read_bytes(PACK) == b"pack"
    assert [info.name for info in bench.store.list(Kind.DATA)] == [PACK]
    bench.store.release_lock("cd" * 32)
    bench.store.prepare()
    assert len(bench.messages) == 18
    assert bench.messages[0].startswith("somewhere: away; trying again in ")


def test_waits_grow_and_end(bench: Bench) -> None:
    """Waits double to a minute, are shortened at random, and end after 15 minutes with the fault itself."""
    bench.faulty.fail("create", *passing(1000))
    with pytest.raises(errors.Unavailable, match="away"):
        bench.store.create(PACK, b"pack")
    waits = [float(message.rsplit(" ", 2)[1]) for message in bench.messages]
    for number, wait in enumerate(waits[:-1]):
        longest = min(2.0**number, 60)
        assert longest / 2 - 0.05 <= wait <= longest + 0.05
    assert 899 <= bench.clock.monotonic() <= 901
    assert len({round(wait / min(2.0**number, 60), 1) for number, wait in enumerate(waits)}) > 2


def test_the_removal_of_a_lock_is_given_up_soon(bench: Bench) -> None:
    """After a minute, since all work is done by then, and a lock that is left goes stale."""
    bench.store.create(PACK, b"pack")
    bench.faulty.fail("release_lock", *passing(1000))
    with pytest.raises(errors.Unavailable, match="away"):
        bench.store.release_lock("cd" * 32)
    assert 59 <= bench.clock.monotonic() <= 61


def test_permanent_faults_are_not_repeated(bench: Bench) -> None:
    """Whatever is not Unavailable is raised at once."""
    for kind in (errors.Refused, errors.Full, errors.Exists, errors.Missing, errors.Damaged, errors.Unsupported):
        bench.faulty.fail("create", kind("no"))
        with pytest.raises(kind):
            bench.store.create(PACK, b"pack")
    assert not bench.clock.sleeps


def test_a_wrong_address_is_given_up_soon(tmp_path: Path) -> None:
    """Where nobody ever answered, one minute is enough; once something has answered, it is 15 again."""
    bench = Bench(tmp_path)
    fresh = RetryStore(bench.faulty, Retrier(bench.options))
    unreachable = [Unreachable("refused") for _ in range(1000)]
    bench.faulty.fail("stat", *unreachable)
    with pytest.raises(Unreachable):
        fresh.stat(PACK)
    assert 59 <= bench.clock.monotonic() <= 61
    bench.faulty.queued.clear()
    with pytest.raises(errors.Missing):
        fresh.stat(PACK)
    bench.faulty.fail("stat", *unreachable)
    with pytest.raises(Unreachable):
        fresh.stat(PACK)
    assert bench.clock.monotonic() > 900


def test_a_store_that_names_its_time_is_believed(bench: Bench) -> None:
    """Retry-After is the least wait."""
    bench.faulty.fail("create", Busy("busy", retry_after=42))
    bench.store.create(PACK, b"pack")
    assert 42 <= bench.clock.monotonic() < 42.2


def test_cancelling_ends_the_wait(bench: Bench) -> None:
    """While waiting, a request to stop is heard within a tenth of a second."""
    bench.faulty.fail("create", *passing(1000))
    bench.stop = True
    with pytest.raises(errors.Interrupted):
        bench.store.create(PACK, b"pack")
    assert bench.clock.monotonic() <= 0.1
    assert all(wait <= 0.1 for wait in bench.clock.sleeps)


def test_a_read_goes_on_where_it_broke(bench: Bench) -> None:
    """A read that breaks off three times yields every byte once, and does not fetch what it had."""
    data = os.urandom(1_000_000)
    bench.store.create(PACK, data)
    bench.faulty.cut_reads = [(10, passing()[0]), (500_000, passing()[0]), (1, passing()[0])]
    assert bench.store.read_bytes(PACK, 7) == data[7:]
    bench.faulty.cut_reads = [(10, passing()[0]), (50_000, passing()[0])]
    with bench.store.read(PACK, 100, 200_000) as reader:
        pieces = []
        while piece := reader.read(30_000):
            pieces.append(piece)
    assert b"".join(pieces) == data[100:200_100]


def test_a_list_goes_on_where_it_broke(bench: Bench) -> None:
    """A list that breaks off names each object once."""
    names = [ObjectName(Kind.DATA, f"{number:064x}") for number in range(10)]
    for name in names:
        bench.store.create(name, b"x")
    bench.faulty.cut_lists = [(0, passing()[0]), (3, passing()[0]), (6, passing()[0])]
    assert [info.name for info in bench.store.list(Kind.DATA)] == names


def test_a_staged_upload_is_repeated_whole(bench: Bench) -> None:
    """What was staged in pieces is sent again from its first byte."""
    data = os.urandom(3_000_000)
    bench.faulty.fail("stage", *passing(2))
    with bench.store.stage(PACK) as upload:
        for start in range(0, len(data), 700_000):
            upload.write(data[start : start + 700_000])
        upload.commit()
    assert bench.store.read_bytes(PACK) == data


def test_progress_renews_the_patience(bench: Bench) -> None:
    """Faults count together only while nothing gets through in between."""
    for number in range(6):
        bench.store.create(ObjectName(Kind.DATA, f"{number:064x}"), b"x")
    bench.faulty.cut_lists = [(1, passing()[0]) for _ in range(5)]
    assert len(list(bench.store.list(Kind.DATA))) == 6
    assert bench.clock.monotonic() <= 5.5


def test_the_patience_is_an_option() -> None:
    """``-o rest.retry-for=5`` gives up after five seconds; what is no number is a UsageError."""
    clock = ManualClock()
    url = f"rest:http://127.0.0.1:{free_port()}/"
    with pytest.raises(Unreachable):
        open_store(url, StoreOptions(clock=clock, extended={"rest.retry-for": "5"})).stat(PACK)
    assert 5 <= clock.monotonic() < 6
    with pytest.raises(errors.UsageError, match="seconds"):
        open_store(url, StoreOptions(extended={"retry-for": "soon"}))
