"""Restores that are killed, stopped, or find the disk full: what was there is there, and the next one tidies up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import compare
from tests.support.programs import Strongroom
from tests.support.waiting import PATIENCE, until

FILES = 120
SIZE = 40_000
SLOWLY = ("--limit-download", "1200", "-o", "local.connections=1")
"""KiB a second, and one fetch after the other, so that there are moments with some files done and others not."""
MOST_TURNS = 20


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A repository and what was saved to it: files in two folders, one large file, links, a folder."""
    place = tmp_path_factory.mktemp("store")
    source, repository = place / "src", place / "repository"
    for folder in ("a", "b"):
        (source / folder).mkdir(parents=True)
        for number in range(FILES // 2):
            (source / folder / f"{number:03}").write_bytes(os.urandom(SIZE))
    (source / "large").write_bytes(os.urandom(6 << 20))
    (source / "link").symlink_to("a")
    os.link(source / "a" / "000", source / "b" / "again")
    (source / "tree").mkdir()
    for number in range(10):
        (source / "tree" / f"{number}").write_bytes(os.urandom(SIZE))
    strongroom = Strongroom(place / "home")
    strongroom.init(repository)
    strongroom.backup(repository, source)
    return repository, source


@pytest.fixture
def repository(store: tuple[Path, Path]) -> Path:
    """The repository of the module."""
    return store[0]


@pytest.fixture
def saved(store: tuple[Path, Path]) -> Path:
    """What is in it."""
    return store[1]


def _old(source: Path, out: Path) -> dict[str, bytes]:
    """A target with something else at each name, and something more; its contents."""
    for folder in ("a", "b", "c"):
        (out / folder).mkdir(parents=True)
    for path in source.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.parent.name != "tree":
            there = out / path.relative_to(source)
            there.write_bytes(b"old " + there.name.encode() * 3000)
    large = bytearray((source / "large").read_bytes())
    large[3 << 20 : (3 << 20) + 9] = b"different"
    (out / "large").write_bytes(large)
    (out / "tree").write_bytes(b"a file where a folder goes")
    (out / "link").mkdir()
    for stranger in (out / "stranger", out / "a" / "stranger", out / "c" / "stranger"):
        stranger.write_bytes(b"mine")
    return {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def _nothing_is_lost(source: Path, out: Path, old: dict[str, bytes]) -> int:
    """Whether each name has its old content or its new one, whole; how many have the new one.

    What the snapshot does not have may be gone once all that it has is there.
    """
    new, gone = 0, []
    for name, content in old.items():
        there, snapshot = out / name, source / name
        if name == "tree" and there.is_dir():
            compare.assert_same(snapshot, there)
            new += 1
        elif not snapshot.exists() and not there.exists():
            gone.append(name)
        else:
            found = there.read_bytes()
            assert found in (content, snapshot.read_bytes() if snapshot.is_file() else content), f"{name} is torn"
            new += found != content
    whole = sum((source / name).exists() for name in old)
    assert not gone or new == whole, f"{gone} went before the restore was done"
    return new


def _leftovers(out: Path) -> list[str]:
    """What has a name of ours; a restore may be at work, so whatever vanishes meanwhile is no error."""
    return [
        os.path.join(folder, name)
        for folder, folders, files in os.walk(out)
        for name in (*folders, *files)
        if ".strongroom" in name
    ]


def _wait_until_something_lies_beside(process: subprocess.Popen[bytes], out: Path) -> None:
    until(lambda: process.poll() is not None or bool(_leftovers(out)), pause=0.005)


def _wait_until_replaced(process: subprocess.Popen[bytes], out: Path, count: int) -> None:
    files = [out / folder / f"{number:03}" for folder in ("a", "b") for number in range(FILES // 2)]
    until(
        lambda: process.poll() is not None or sum(path.stat().st_size == SIZE for path in files) >= count,
        pause=0.005,
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_restore_that_is_ended_costs_nothing(
    strongroom: Strongroom, repository: Path, saved: Path, tmp_path: Path, how: signal.Signals
) -> None:
    """At whatever moment a restore with --delete ends, each file that was there is there or is the snapshot's, and
    nothing is removed before that; the next one makes all right and leaves nothing of the first behind."""
    chance = random.Random(7)
    seen: set[int] = set()
    left_behind = False
    for turn in range(MOST_TURNS):  # on a machine that has much else to do a restore may end before it is ended
        if turn >= 3 and len(seen) > 1 and left_behind == (how == signal.SIGKILL):
            break
        out = tmp_path / f"out{turn}"
        old = _old(saved, out)
        words = ("restore", f"latest:{saved}", "--target", out, "--delete")
        process = strongroom.start("-r", repository, *SLOWLY, *words)
        _wait_until_something_lies_beside(process, out)
        # What is fetched comes in pieces, so time alone says little of how much is done.
        _wait_until_replaced(process, out, turn % 3 * FILES // 4)
        time.sleep(chance.uniform(0, 0.2))
        process.send_signal(how)
        process.wait(PATIENCE)
        if how != signal.SIGKILL:
            assert not _leftovers(out)
        left_behind |= bool(_leftovers(out))
        if process.returncode == 0:
            continue  # it was faster
        seen.add(_nothing_is_lost(saved, out, old))
        strongroom.on(repository, *words).expect(0)
        compare.assert_same(saved, out)
    assert len(seen) > 1, "the moments were all the same"
    assert left_behind == (how == signal.SIGKILL)


def test_leftovers_are_told_from_what_is_in_use_and_from_what_is_the_users(
    strongroom: Strongroom, repository: Path, saved: Path, tmp_path: Path
) -> None:
    """A restore clears away what a killed one left, but neither what another is at work on nor files of the user whose
    names are alike."""
    out = tmp_path / "out"
    old = _old(saved, out)
    mine = out / "a" / (".strongroom-new-" + "0" * 32)
    mine.write_bytes(b"mine")
    words = ("restore", f"latest:{saved}", "--target", out)
    first = strongroom.start("-r", repository, *SLOWLY, *words)
    try:
        until(lambda: len(_leftovers(out)) > 1)
        strongroom.on(repository, *words, "--include", "/b/*").expect(0)
        assert first.wait(PATIENCE) == 0
    finally:
        first.kill()
        first.wait()
    for path in (out / "stranger", out / "a" / "stranger"):
        assert path.read_bytes() == b"mine" and old
    assert _leftovers(out) == [str(mine)]


@pytest.mark.root
@pytest.mark.parametrize("room", [0.3, 3])
def test_a_full_disk_leaves_what_is_there(
    strongroom: Strongroom, repository: Path, saved: Path, tmp_path: Path, room: float
) -> None:
    """Where the new content does not fit beside the old one, the old one stays whole, and nothing lies beside it."""
    out = tmp_path / "out"
    out.mkdir()
    used = FILES * 8192 + 7 * (1 << 20)
    size = f"size={int(used + room * (1 << 20))}"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", out], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("cannot mount here")
    try:
        old = _old(saved, out)
        done = strongroom.on(repository, "restore", f"latest:{saved}", "--target", out, "--delete").expect(1)
        assert "No space left" in done.err
        _nothing_is_lost(saved, out, old)
        assert not _leftovers(out)
    finally:
        subprocess.run(["umount", out], check=True)
