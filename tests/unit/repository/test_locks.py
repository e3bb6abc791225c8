"""Locks: who is let in, refreshing, freezing, what happens to junk, and unlock."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Locked, Unavailable
from strongroom.base.objects import Kind, ObjectName
from strongroom.format.lock import LockFile
from strongroom.maintenance.unlock import unlock
from strongroom.repository.locks import foreign
from strongroom.repository.locks import lock as locks
from strongroom.repository.locks.lock import Lock
from tests.support.repositories import Machine, another, make, opened, put
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.repository.opened import Repository


@pytest.fixture
def machine() -> Machine:
    """This machine."""
    return Machine()


@pytest.fixture
def repository(tmp_path: Path, machine: Machine) -> Repository:
    """A repository opened on this machine."""
    make(tmp_path)
    return opened(tmp_path, machine)


def names(repository: Repository) -> list[str]:
    """The locks that are there."""
    return [info.name.name for info in repository.store.list(Kind.LOCK)]


def held(repository: Repository, *, exclusive: bool = False) -> Lock:
    """A lock without its thread, so that the test alone moves it."""
    lock = Lock(repository.store, repository.files, repository.surroundings, exclusive=exclusive)
    lock.acquire()
    lock._stop.set()
    assert lock._thread is not None
    lock._thread.join()
    lock._stop.clear()
    return lock


@pytest.mark.parametrize(("first", "second", "fits"), [(0, 0, True), (0, 1, False), (1, 0, False), (1, 1, False)])
def test_who_is_let_in(
    repository: Repository, tmp_path: Path, machine: Machine, first: int, second: int, fits: bool
) -> None:
    """Shared locks live together; an exclusive one lives with none, either way round."""
    other = opened(tmp_path, another(machine, hostname="beta"))
    with repository.lock(exclusive=bool(first)):
        if fits:
            other.lock(exclusive=bool(second)).release()
        else:
            said = (
                r"already locked.* by PID 4242 on alpha by ann \(UID 0, GID 0\)\nlock was created at .+ \(200ms ago\)"
            )
            with pytest.raises(Locked, match=said):
                other.lock(exclusive=bool(second))
        assert len(names(repository)) == 1
    assert names(repository) == []


def test_a_lock_that_settles_while_we_read_is_refused_late(
    repository: Repository, tmp_path: Path, machine: Machine
) -> None:
    """Without waiting the lock is there at once; what the second look finds is raised before a write, or at the end."""
    other = opened(tmp_path, another(machine, hostname="beta"))
    theirs = LockFile(machine.clock.now_ns(), True, "beta", "bob", 1)
    with pytest.raises(Locked, match="beta"), repository.lock(settle=False) as lock:
        assert len(names(repository)) == 1
        other.save_unpacked(Kind.LOCK, theirs.encode())
        with pytest.raises(Locked, match="beta"):
            lock.check()
        with pytest.raises(Locked, match="beta"):
            repository.still_locked()
    assert len(names(repository)) == 1


def test_a_lock_that_settles_later_still_waits(repository: Repository) -> None:
    """Nobody can write before restic's wait is over, however early he asks."""
    begun = time.monotonic()
    with repository.lock(settle=False) as lock:
        lock.check()
        assert time.monotonic() - begun >= locks.SETTLE
    assert names(repository) == []


def test_a_lock_that_appears_while_we_wait_wins(repository: Repository, tmp_path: Path, machine: Machine) -> None:
    """The second look finds whoever came in between; our own lock is taken back."""
    other = opened(tmp_path, another(machine, hostname="beta"))
    theirs = LockFile(machine.clock.now_ns(), False, "beta", "bob", 1)

    def barge_in() -> None:
        if len(names(other)) < 2:
            other.save_unpacked(Kind.LOCK, theirs.encode())

    machine.clock.on_sleep = barge_in
    with pytest.raises(Locked, match="beta"):
        repository.lock(exclusive=True)
    assert len(names(repository)) == 1
    assert machine.clock.slept == [locks.SETTLE]


def test_retrying_until_the_other_is_done(repository: Repository, tmp_path: Path, machine: Machine) -> None:
    """With --retry-lock the lock is tried again after 5, 10, 20 … seconds, at most 60, and no longer than asked."""
    other = opened(tmp_path, another(machine, hostname="beta")).lock(exclusive=True)
    with pytest.raises(Locked):
        repository.lock(retry_seconds=200)
    waits = [seconds for seconds in machine.clock.slept if seconds > locks.SETTLE]
    assert waits == [5, 10, 20, 40, 60, pytest.approx(64.8 + locks.SETTLE)] or sum(waits) == pytest.approx(200, abs=1)
    machine.clock.on_sleep = other.release
    repository.lock(retry_seconds=60).release()


def test_a_lock_is_refreshed_every_five_minutes(repository: Repository, machine: Machine) -> None:
    """A new lock file with the new time takes the old one's place, the new one first."""
    with held(repository) as lock:
        before = names(repository)
        machine.clock.seconds += locks.REFRESH - 1
        lock.tick()
        assert names(repository) == before
        machine.clock.seconds += 1
        lock.tick()
        after = names(repository)
        assert len(after) == 1 and after != before
        written = LockFile.parse(repository.load_unpacked(Kind.LOCK, after[0]))
        assert written.time_ns == machine.clock.now_ns()
    assert names(repository) == []


def test_a_lock_that_cannot_be_refreshed_freezes_and_thaws(
    repository: Repository, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 22.5 minutes without a refresh nothing may be written, until a refresh works again."""
    lock = held(repository)
    save = repository.files.save

    def unreachable(*_: object) -> str:
        raise Unavailable("no line")

    monkeypatch.setattr(repository.files, "save", unreachable)
    for _ in range(25):
        machine.clock.seconds += 60
        lock.tick()
        if machine.clock.seconds < locks.FREEZE:
            lock.check()
    assert lock.frozen
    assert any("cannot refresh" in warning for warning in machine.warnings)
    with pytest.raises(Unavailable):
        lock.check()
    monkeypatch.setattr(repository.files, "save", save)
    lock.check()
    assert not lock.frozen
    lock.release()
    assert names(repository) == []


def test_a_lock_that_was_removed_meanwhile_is_lost(repository: Repository, machine: Machine) -> None:
    """A machine that slept, and whose lock somebody removed as stale, writes nothing more and leaves nothing."""
    lock = held(repository)
    machine.clock.seconds += locks.FREEZE
    repository.store.release_lock(names(repository)[0])
    for _ in range(2):
        with pytest.raises(Locked, match="removed"):
            lock.check()
    lock.tick()
    lock.release()
    assert names(repository) == []


def test_the_thread_refreshes_by_itself(tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to call tick."""
    monkeypatch.setattr(locks, "_POLL", 0.01)
    make(tmp_path)
    repository = opened(tmp_path, machine)
    with repository.lock() as lock:
        before = names(repository)
        machine.clock.seconds += locks.REFRESH
        until(lambda: names(repository) not in (before, []) and len(names(repository)) == 1)
        assert lock is not None


def test_junk_and_foreign_locks_are_ignored_with_a_warning(
    repository: Repository, tmp_path: Path, machine: Machine
) -> None:
    """Files that nobody with the key wrote, and empty ones, lock nobody out, not even of an exclusive lock."""
    stranger = make(tmp_path / "stranger")
    foreign = opened(tmp_path / "stranger")
    foreign.save_unpacked(Kind.LOCK, LockFile(machine.clock.now_ns(), True, "beta", "bob", 1).encode())
    (info,) = stranger.list(Kind.LOCK)
    put(repository.store, Kind.LOCK, stranger.read_bytes(info.name))
    put(repository.store, Kind.LOCK, b"junk")
    put(repository.store, Kind.LOCK, b"x" * 200_000)
    put(repository.store, Kind.LOCK, b"")
    put(repository.store, Kind.LOCK, repository.key.seal(b"[" * 60_000))
    with repository.lock(exclusive=True):
        pass
    assert len(machine.warnings) == 4


def test_a_torn_lock_is_waited_for(repository: Repository, machine: Machine) -> None:
    """Bytes that do not fit their name get some seconds; then they stop exclusive locks, but not shared ones."""
    put(repository.store, Kind.LOCK, b"whole")
    torn = ObjectName(Kind.LOCK, "7" * 64)
    repository.store.create(torn, b"half")
    with repository.lock():
        pass
    assert sum(machine.clock.slept) < 20
    with pytest.raises(Locked, match="unlock --remove-all"):
        repository.lock(exclusive=True)
    machine.clock.on_sleep = lambda: repository.store.release_lock(torn.name)
    repository.lock(exclusive=True).release()


def test_a_flood_of_locks_is_one_error(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """More locks than anybody has are refused without reading them all."""
    monkeypatch.setattr(foreign, "MAX_LOCKS", 3)
    for number in range(5):
        put(repository.store, Kind.LOCK, b"junk %d" % number)
    with pytest.raises(Locked, match="--no-lock"):
        repository.lock()


def test_unlock_removes_what_is_stale(repository: Repository, machine: Machine) -> None:
    """Old locks and those of dead processes of this machine go; young ones, others' and junk stay unless told."""
    now = machine.clock.now_ns()
    minute = 60 * 10**9

    def lock(age: int, hostname: str, pid: int) -> str:
        return repository.save_unpacked(Kind.LOCK, LockFile(now - age * minute, False, hostname, "ann", pid).encode())

    stale = {lock(31, "beta", 1), lock(1, "alpha", 99), lock(31, "alpha", 4242)}
    kept = {lock(29, "beta", 1), lock(1, "alpha", 4242), put(repository.store, Kind.LOCK, b"junk")}
    assert set(names(repository)) == stale | kept
    assert unlock(repository) == 3
    assert set(names(repository)) == kept
    assert unlock(repository, remove_all=True) == 3
    assert names(repository) == []


def test_a_lock_of_the_future_says_how_to_end_it(repository: Repository, machine: Machine) -> None:
    """`unlock` would leave one of another host for as long as its clock was ahead; some minutes are nothing special."""
    hour = 3600 * 10**9
    for ahead, words in ((hour, "dated in the future"), (hour // 10, "Wait for that to finish")):
        lock = LockFile(machine.clock.now_ns() + ahead, True, "beta", "ann", 1)
        name = repository.save_unpacked(Kind.LOCK, lock.encode())
        with pytest.raises(Locked, match=words):
            repository.lock()
        assert unlock(repository) == 0
        repository.store.release_lock(name)
