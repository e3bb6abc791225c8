"""The mounted repository as programs see it."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from tests.support import compare, trees, waiting
from tests.support.servers import mounts
from tests.support.servers.rest_server import RestServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.programs import Strongroom


@pytest.fixture(autouse=True)
def _fuse() -> None:
    mounts.require_fuse()


def _inside(place: Path, source: Path) -> Path:
    """Where the source stands in the newest snapshot."""
    return place / "snapshots" / "latest" / source.relative_to("/")


def test_everything_that_a_file_system_holds_is_shown(
    strongroom: Strongroom, tmp_path: Path, hostile_source: Path, repository: Path
) -> None:
    """Names, types, modes, times, owners, links, attributes and contents are the source's; nothing can be written."""
    strongroom.init(repository)
    strongroom.backup(repository, hostile_source)
    with mounts.mounted(strongroom, repository, tmp_path / "mnt"):
        shown = _inside(tmp_path / "mnt", hostile_source)
        compare.assert_same(hostile_source, shown)
        with pytest.raises(OSError, match="Read-only"):
            (shown / "new").write_bytes(b"")
    assert not mounts.is_mounted(tmp_path / "mnt")


def test_programs_read_it(strongroom: Strongroom, tmp_path: Path, source: Path, repository: Path) -> None:
    """find, du, tar and rsync get from the mount what they get from the source."""
    strongroom.init(repository)
    strongroom.backup(repository, source)
    place = tmp_path / "mnt"
    with mounts.mounted(strongroom, repository, place):
        shown = _inside(place, source)
        told = [subprocess.check_output(["find", ".", "-ls"], cwd=folder) for folder in (source, shown)]
        names, seen = ([line.split(maxsplit=10)[-1] for line in text.splitlines()] for text in told)
        assert sorted(names) == sorted(seen)
        sizes = [
            subprocess.check_output(["du", "-s", "--apparent-size", "-B1", "."], cwd=one) for one in (source, shown)
        ]
        used = [int(subprocess.check_output(["du", "-s", "-B1", "."], cwd=one).split()[0]) for one in (source, shown)]
        folders = sum(4096 for _ in os.walk(source))
        assert int(sizes[0].split()[0]) - folders == int(sizes[1].split()[0])
        assert 0 < used[1] <= used[0]
        (tmp_path / "packed").mkdir()
        subprocess.run(
            f"tar -C {shown} --format=posix -cf - . | tar -C {tmp_path}/packed -xpf -", shell=True, check=True
        )
        compare.assert_same(source, tmp_path / "packed")
        if shutil.which("rsync"):
            exact = "--modify-window=-1"  # else folders made within the source's second keep their own time
            subprocess.run(["rsync", "-aHAX", exact, f"{shown}/", f"{tmp_path}/copied/"], check=True)
            compare.assert_same(source, tmp_path / "copied")


def test_reads_anywhere_give_what_the_source_has(strongroom: Strongroom, tmp_path: Path, repository: Path) -> None:
    """A hundred readers at once, each with reads of random places and lengths, get the bytes of the source."""
    source = trees.large(tmp_path / "source", megabytes=12)
    trees.ordinary(source, files=20)
    strongroom.init(repository)
    strongroom.backup(repository, source)
    with mounts.mounted(strongroom, repository, tmp_path / "mnt"):
        shown = _inside(tmp_path / "mnt", source)
        files = [path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file()]
        wrong: list[str] = []

        def read(seed: int) -> None:
            chance = random.Random(seed)
            path = files[seed % len(files)]
            with (source / path).open("rb") as before, (shown / path).open("rb", buffering=0) as after:
                end = os.fstat(before.fileno()).st_size
                for _ in range(20):
                    offset, size = chance.randrange(end + 10), int(300_000 ** chance.random())
                    pair = os.pread(before.fileno(), size, offset), os.pread(after.fileno(), size, offset)
                    if pair[0] != pair[1]:
                        wrong.append(f"{path} at {offset}, {size} bytes")

        readers = [threading.Thread(target=read, args=(seed,)) for seed in range(100)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        assert wrong == []


def test_new_snapshots_appear(strongroom: Strongroom, tmp_path: Path, source: Path, repository: Path) -> None:
    """A snapshot that is made while the repository is mounted is shown, with its files, and `latest` leads to it."""
    strongroom.init(repository)
    strongroom.backup(repository, source, "--time", "2020-01-01 00:00:00")
    place = tmp_path / "mnt"
    with mounts.mounted(strongroom, repository, place, "--time-template", "2006"):
        assert os.readlink(place / "snapshots" / "latest") == "2020"
        (source / "new").write_bytes(b"made later")
        strongroom.backup(repository, source, "--time", "2021-01-01 00:00:00")
        waiting.until(lambda: os.readlink(place / "snapshots" / "latest") == "2021")
        assert (_inside(place, source) / "new").read_bytes() == b"made later"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_unmounts_while_somebody_reads(
    strongroom: Strongroom, tmp_path: Path, source: Path, repository: Path, number: signal.Signals
) -> None:
    """After a signal the place is an empty folder again, though a file is open there; the exit code is 0."""
    strongroom.init(repository)
    strongroom.backup(repository, source)
    place = tmp_path / "mnt"
    with mounts.mounted(strongroom, repository, place) as process:
        path = next(path for path in _inside(place, source).rglob("*") if path.is_file())
        held = os.open(path, os.O_RDONLY)
        process.send_signal(number)
        assert process.wait(waiting.PATIENCE) == 0
        assert not mounts.is_mounted(place)
        assert list(place.iterdir()) == []
        with pytest.raises(OSError, match="not connected"):
            os.pread(held, 1, 0)
        with contextlib.suppress(OSError):
            os.close(held)


def test_unmounting_from_outside_ends_it(
    strongroom: Strongroom, tmp_path: Path, source: Path, repository: Path
) -> None:
    """When somebody unmounts the place, the command ends with 0 and leaves no lock."""
    strongroom.init(repository)
    strongroom.backup(repository, source)
    with mounts.mounted(strongroom, repository, tmp_path / "mnt") as process:
        subprocess.run(["fusermount3", "-u", tmp_path / "mnt"], check=True)
        assert process.wait(waiting.PATIENCE) == 0
    assert list((repository / "locks").iterdir()) == []


def test_a_server_that_falls_silent_does_not_hold_the_mount(
    strongroom: Strongroom, tmp_path: Path, source: Path
) -> None:
    """A signal ends it within its time and frees the place, and the command says nothing but what happened."""
    with RestServer() as server:
        where = "rest:" + server.url
        strongroom.init(where)
        strongroom.backup(where, source)
        with mounts.mounted(strongroom, where, tmp_path / "mnt") as process:
            for method in ("GET", "HEAD", "POST", "DELETE"):
                server.fail(method, "stall", 1000)
            process.send_signal(signal.SIGINT)
            assert process.wait(waiting.PATIENCE) == 130
    assert not mounts.is_mounted(tmp_path / "mnt")
    said = mounts.log_of(tmp_path / "mnt")
    assert "stopped while waiting" in said
    assert not any(word in said for word in ("Traceback", "Exception", "Ignoring"))
