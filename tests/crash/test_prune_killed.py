"""A prune that is killed at any step, or finds no room: the repository is whole, and the next run finishes."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crash.test_failing_places import small_disk
from tests.support.forge import Forge, node
from tests.support.programs import Restic, Strongroom
from tests.support.pruning import repositories as pruning
from tests.support.waiting import PATIENCE, until

KILLS = 10


def untidy(place: Path) -> Path:
    """Six packs of data half of which is needed, as many trees, two index files, and a pack that nobody needs."""
    chance = random.Random(5)
    forge = Forge(place)
    files = []
    for number in range(6):
        ids = forge.pack(*(("data", chance.randbytes(30_000)) for _ in range(8)))
        files += [node(f"{number:02}-{at}", "file", content=[blob], size=30_000) for at, blob in enumerate(ids[::2])]
    folders = [
        node(f"folder{number:02}", "dir", subtree=forge.tree(*files[number * 4 : number * 4 + 4]))
        for number in range(6)
    ]
    root = forge.tree(*folders)
    forge.pack(("data", chance.randbytes(10_000)))
    half = len(forge.entries) // 2
    forge.index(forge.entries[:half])
    forge.index(forge.entries[half:])
    forge.snapshot(root)
    for path in (place / "data").glob("*/*"):
        os.utime(path, (time.time() - 200_000,) * 2)  # what is younger than a day and in no index stays
    return place


def dying(place: Path, change: int, *, made: bool, state: Path) -> subprocess.CompletedProcess[str]:
    """Prune until this change, which is made or not."""
    end = (str(place), str(change), "made" if made else "not", str(state))
    words = [sys.executable, "-m", "tests.support.pruning.dying", *end]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])


def test_killed_at_each_step(restic: Restic, tmp_path: Path) -> None:
    """Whatever change was the last, no file is lost, and the next run leaves what an undisturbed one leaves."""
    repository = untidy(tmp_path / "repository")
    files = pruning.contents(repository)
    state = tmp_path / "state"
    undisturbed = pruning.copy_of(repository, tmp_path / "undisturbed")
    ended = dying(undisturbed, 0, made=False, state=state)
    assert int(ended.stdout) > 20, ended.stderr
    before = pruning.packs(repository)
    left = pruning.packs(undisturbed) & before
    for step in itertools.count(1):
        place = pruning.copy_of(repository, tmp_path / f"killed{step}")
        died = dying(place, step, made=step % 2 == 0, state=state)
        if died.returncode == 0 and int(died.stdout) < step:
            break  # packs are filled side by side, so it may have a step more than the first run or a few less
        assert died.returncode == 9, died.stderr
        assert pruning.contents(place) == files, step
        for lock in (place / "locks").iterdir():
            lock.unlink()
        assert dying(place, 0, made=False, state=state).returncode == 0
        assert pruning.contents(place) == files, step
        assert pruning.packs(place) & before == left, step
        if step % 6 == 0:
            restic.check(place)
    assert step > 20, died.stdout


def test_killed_at_a_random_moment(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """kill -9 of the installed command: nothing is lost, restic finds no fault, and what was moved stays moved."""
    repository = untidy(tmp_path / "repository")
    files = pruning.contents(repository)
    chance = random.Random(7)
    place = pruning.copy_of(repository, tmp_path / "place")
    options = ("--max-unused", "0", "--retry-lock", "0s")
    for number in range(KILLS):
        process = strongroom.start("-r", place, "prune", *options, "--limit-upload", "700")
        time.sleep(chance.uniform(0.4, 2.4))
        process.kill()
        process.wait()
        assert pruning.contents(place) == files
        strongroom.on(place, "unlock", "--remove-all").expect(0)
        if number % 3 == 0:
            restic.on(place, "check", "--no-lock").expect(0)
    strongroom.on(place, "prune", *options).expect(0)
    assert pruning.contents(place) == files
    restic.check(place)


@pytest.mark.root
def test_a_full_disk(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """Where there is no room for what must move nothing is lost; with room for it the next run finishes."""
    with small_disk(tmp_path / "small", 5) as disk:
        repository = untidy(disk / "repository")
        files = pruning.contents(repository)
        filler = disk / "filler"
        free = os.statvfs(disk)
        filler.write_bytes(bytes(free.f_bavail * free.f_frsize - 200_000))
        ended = strongroom.on(repository, "prune", "--max-unused", "0").expect(1)
        assert "no space" in ended.err.lower() and "prune --max-repack-size 0" in ended.err
        assert pruning.contents(repository) == files
        strongroom.on(repository, "prune", "--max-repack-size", "0").expect(0)
        assert pruning.contents(repository) == files
        filler.unlink()
        strongroom.on(repository, "prune", "--max-unused", "0").expect(0)
        assert pruning.contents(repository) == files
        restic.check(repository)


@pytest.mark.root
@pytest.mark.parametrize("free", [8_192, 0])
def test_recovering_where_no_byte_is_free(strongroom: Strongroom, restic: Restic, tmp_path: Path, free: int) -> None:
    """With --unsafe-recover-no-free-space the index goes first, then packs that nobody needs, then there is room.

    Where there is none for a lock either, it goes on without one, says so, and does not where others have one.
    """
    with small_disk(tmp_path / "small", 5) as disk:
        repository = untidy(disk / "repository")
        files = pruning.contents(repository)
        name = strongroom.on(repository, "cat", "config").expect(0).json()["id"]
        working = strongroom.start("-r", repository, "backup", "--stdin", stdin=subprocess.PIPE)
        until(lambda: any((repository / "locks").iterdir()))
        room = os.statvfs(disk)
        (disk / "filler").write_bytes(bytes(room.f_bavail * room.f_frsize - free))
        words = ("prune", "--unsafe-recover-no-free-space", name)
        indexes = sorted((repository / "index").iterdir())
        strongroom.on(repository, *words).expect(11)
        working.kill()
        working.communicate()
        strongroom.on(repository, "unlock").expect(0)
        assert sorted((repository / "index").iterdir()) == indexes
        room = os.statvfs(disk)
        (disk / "more").write_bytes(bytes(room.f_bavail * room.f_frsize - free))
        if not free:
            assert "no space" in strongroom.on(repository, "prune").expect(1).err.lower()
        ended = strongroom.on(repository, *words).expect(0)
        assert ("there is no room for a lock" in ended.err) == (not free)
        assert pruning.contents(repository) == files
        settled = sorted((repository / "index").iterdir())
        strongroom.on(repository, *words).expect(0)
        assert sorted((repository / "index").iterdir()) == settled  # it does not go for nothing
        restic.on(repository, "check", "--read-data", "--no-lock").expect(0)


@pytest.mark.root
def test_packs_that_cannot_be_removed(restic: Restic, tmp_path: Path) -> None:
    """They are named in a warning; the index is right all the same, and the next run removes them."""
    repository = untidy(tmp_path / "repository")
    files, before = pruning.contents(repository), pruning.packs(repository)
    strongroom = Strongroom(tmp_path / "home")
    stuck = [path for path in (repository / "data").iterdir() if list(path.iterdir())][:6]
    if subprocess.run(["chattr", "+a", *stuck], check=False, capture_output=True).returncode:
        pytest.skip("this file system has no append-only folders")
    try:
        ended = strongroom.on(repository, "prune", "--max-unused", "0").expect(0)
        assert ended.err.count("unable to remove data/") == len(pruning.packs(repository) & before) > 0
    finally:
        subprocess.run(["chattr", "-a", *stuck], check=True)
    restic.check(repository)
    strongroom.on(repository, "prune", "--max-unused", "0").expect(0)
    assert not pruning.packs(repository) & before
    assert pruning.contents(repository) == files


@pytest.mark.root
def test_a_disk_that_becomes_read_only(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """In the middle of a prune: nothing is lost, and the next run finishes."""
    with small_disk(tmp_path / "small", 12) as disk:
        repository = untidy(disk / "repository")
        files, before = pruning.contents(repository), pruning.packs(repository)
        words = ("prune", "--max-unused", "0", "--limit-upload", "700")
        process = strongroom.start("-r", repository, *words)
        until(lambda: pruning.packs(repository) - before, pause=0.003)
        read_only = ["mount", "-o", "remount,ro", str(disk)]  # refused while a file is open for writing
        until(lambda: not subprocess.run(read_only, check=False, capture_output=True).returncode, pause=0.001)
        assert process.wait(PATIENCE) in (0, 1)  # packs that can no longer be removed are a warning
        assert pruning.contents(repository) == files
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        strongroom.on(repository, "unlock", "--remove-all").expect(0)
        strongroom.on(repository, "prune", "--max-unused", "0").expect(0)
        assert pruning.contents(repository) == files
        restic.check(repository)
