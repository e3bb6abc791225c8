"""The local cache: what it keeps, that it trusts nothing, and that its disk can fail."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base.objects import Kind
from strongroom.repository.cache import Cache, RepositoryCache, default_cache_folder
from tests.support.repositories import START_NS, Machine

if TYPE_CHECKING:
    from pathlib import Path

REPOSITORY = "ab" * 32
DAY = 86_400
LIMIT = 1 << 10
"""Bytes that an entry may have here."""


def entry(number: int) -> tuple[str, bytes]:
    """An object with its name."""
    data = b"object %d" % number
    return hashlib.sha256(data).hexdigest(), data


@pytest.fixture
def machine() -> Machine:
    """This machine."""
    return Machine()


@pytest.fixture
def cache(tmp_path: Path, machine: Machine) -> RepositoryCache:
    """The cache of one repository."""
    found = Cache(str(tmp_path), machine.surroundings).repository(REPOSITORY)
    assert found is not None
    return found


def test_what_is_kept_comes_back_until_it_is_pruned(cache: RepositoryCache, tmp_path: Path) -> None:
    """Entries of each kind come back, whole and in parts, and go when the repository no longer has them."""
    for kind in (Kind.INDEX, Kind.SNAPSHOT, Kind.DATA):
        (one, data), (two, more) = entry(1), entry(2)
        assert cache.load(kind, one, LIMIT) is None
        assert cache.store(kind, one, data) and cache.store(kind, two, more)
        assert cache.load(kind, one, LIMIT) == data
        assert cache.load_range(kind, one, 2, 4) == data[2:6]
        assert cache.load_range(kind, one, 2, 400) is None
        assert cache.prune(kind, [two]) == 1
        assert cache.load(kind, one, LIMIT) is None and cache.load(kind, two, LIMIT) == more
    assert (
        (tmp_path / "strongroom" / "CACHEDIR.TAG")
        .read_bytes()
        .startswith(b"Signature: 8a477f597d28d172789f06886806bc55")
    )
    assert (tmp_path / "strongroom" / REPOSITORY).stat().st_mode & 0o777 == 0o700


def test_keys_and_locks_are_never_kept(cache: RepositoryCache) -> None:
    """Only what never changes and is no secret's wrapping is cached."""
    for kind in (Kind.KEY, Kind.LOCK, Kind.CONFIG):
        with pytest.raises(ValueError):
            cache.store(kind, *entry(1))


def test_a_damaged_entry_is_a_miss_and_goes(cache: RepositoryCache) -> None:
    """Bytes that do not fit their name are never handed out, nor is what a link points to."""
    name, data = entry(1)
    cache.store(Kind.INDEX, name, data)
    path = os.path.join(cache.folder, "index", name)
    with open(path, "wb") as file:
        file.write(b"other")
    assert cache.load(Kind.INDEX, name, LIMIT) is None
    assert not os.path.exists(path)
    os.symlink("/etc/passwd", path)
    assert cache.load(Kind.INDEX, name, LIMIT) is None
    assert cache.load_range(Kind.INDEX, name, 0, 4) is None
    assert cache.store(Kind.INDEX, name, data) and not os.path.islink(path)


def test_a_pipe_among_entries_is_a_miss_at_once(cache: RepositoryCache) -> None:
    """Nobody waits for who would write into a pipe that stands at an entry's name, and the entry is kept again."""
    name, data = entry(1)
    cache.store(Kind.INDEX, name, data)
    path = os.path.join(cache.folder, "index", name)
    os.unlink(path)
    os.mkfifo(path)
    assert cache.load_range(Kind.INDEX, name, 0, 4) is None
    assert cache.load(Kind.INDEX, name, LIMIT) is None
    assert cache.store(Kind.INDEX, name, data) and cache.load(Kind.INDEX, name, LIMIT) == data


def test_what_is_beyond_its_budget_is_a_miss(cache: RepositoryCache) -> None:
    """An entry that somebody made longer than any object of its kind is not read, and goes."""
    data = bytes(LIMIT + 1)
    name = hashlib.sha256(data).hexdigest()
    assert cache.store(Kind.INDEX, name, data) and cache.load(Kind.INDEX, name, LIMIT + 1) == data
    path = os.path.join(cache.folder, "index", name)
    os.truncate(path, 1 << 40)
    assert cache.load(Kind.INDEX, name, LIMIT) is None
    assert not os.path.exists(path)


def test_old_leftovers_of_dead_runs_are_pruned(cache: RepositoryCache) -> None:
    """A temporary file that is a day old goes, a young one stays."""
    name, data = entry(1)
    cache.store(Kind.INDEX, name, data)
    for age, label in ((2 * DAY, "old"), (60, "young")):
        path = os.path.join(cache.folder, "index", f"{name}.{label}.tmp")
        with open(path, "wb"):
            os.utime(path, ns=(0, START_NS - age * 10**9))
    assert cache.prune(Kind.INDEX, [name]) == 1
    assert sorted(os.listdir(os.path.join(cache.folder, "index"))) == [name, f"{name}.young.tmp"]


def test_a_disk_that_fails_is_one_warning(tmp_path: Path, machine: Machine) -> None:
    """Neither a folder that cannot be made nor a file that cannot be written is an error."""
    (tmp_path / "strongroom").write_bytes(b"a file in the way")
    assert Cache(str(tmp_path), machine.surroundings).repository(REPOSITORY) is None
    (tmp_path / "other").mkdir()
    cache = Cache(str(tmp_path / "other"), machine.surroundings).repository(REPOSITORY)
    assert cache is not None
    with open(os.path.join(cache.folder, "index"), "wb"):
        pass
    assert not cache.store(Kind.INDEX, *entry(1))
    assert not cache.store(Kind.INDEX, *entry(2))
    assert cache.load(Kind.INDEX, entry(1)[0], LIMIT) is None
    assert len(machine.warnings) == 2


def test_caches_are_listed_and_old_ones_removed(tmp_path: Path, machine: Machine, cache: RepositoryCache) -> None:
    """A cache is old when nobody opened it for thirty days."""
    caches = Cache(str(tmp_path), machine.surroundings)
    cache.store(Kind.INDEX, *entry(1))
    os.utime(cache.folder, ns=(0, START_NS - 10 * DAY * 10**9))
    (summary,) = caches.summaries()
    assert (summary.repository_id, summary.size, summary.old) == (REPOSITORY, len(entry(1)[1]), False)
    assert caches.remove_old() == []
    machine.clock.seconds += 21 * DAY
    assert [summary.old for summary in caches.summaries()] == [True]
    assert caches.remove_old() == [REPOSITORY]
    assert caches.summaries() == []


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our variable, then the desktop's, then the home folder."""
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("STRONGROOM_CACHE_DIR", raising=False)
    assert default_cache_folder() == "/home/ann/.cache"
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/ann")
    assert default_cache_folder() == "/var/cache/ann"
    monkeypatch.setenv("STRONGROOM_CACHE_DIR", "/fast")
    assert default_cache_folder() == "/fast"
