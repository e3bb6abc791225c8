"""Repositories and snapshots of an attacker, mounted: every answer within its budget, and the mount lives on."""

from __future__ import annotations

import itertools
import os
import stat
from typing import TYPE_CHECKING

import pytest

from tests.attack.cases import CASES
from tests.support.forge import Forge, node
from tests.support.servers import mounts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.programs import Strongroom

LOOKS = 400
"""How many entries are looked at: whoever walks through a hostile mount walks at their own expense."""
MEMORY = 700 << 20


@pytest.fixture(autouse=True)
def _fuse() -> None:
    mounts.require_fuse()


def _walk(place: bytes) -> Iterator[bytes]:
    waiting = [place]
    while waiting:
        folder = waiting.pop()
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            yield path
            try:
                if stat.S_ISDIR(os.lstat(path).st_mode):
                    waiting.append(path)
            except OSError:
                continue


def _look(path: bytes) -> None:
    """Ask the kernel everything about a path; errors are answers."""
    for question in (os.lstat, os.readlink, lambda path: os.listxattr(path, follow_symlinks=False)):
        try:
            question(path)
        except OSError:
            continue
    try:
        if stat.S_ISREG(os.lstat(path).st_mode):
            with open(path, "rb") as file:
                file.read(1 << 20)
    except (OSError, OverflowError):
        return


def _peak(pid: int) -> int:
    """The most memory that a process had, in bytes."""
    with open(f"/proc/{pid}/status") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) << 10


@pytest.mark.parametrize("name", sorted(CASES))
def test_hostile_repositories_are_shown_within_budgets(strongroom: Strongroom, tmp_path: Path, name: str) -> None:
    """B-1, B-2, B-3, B-5: whatever the repository, the mount answers, stays below its memory, and ends when told to."""
    CASES[name](tmp_path / "r")
    place = tmp_path / "mnt"
    with mounts.mounted(strongroom, tmp_path / "r", place) as process:
        for path in itertools.islice(_walk(os.fsencode(place)), LOOKS):
            _look(path)
        if process.poll() is None:
            assert os.statvfs(place).f_namemax > 0
            assert _peak(process.pid) < MEMORY
    said = mounts.log_of(place)
    assert "Traceback" not in said and "panicked" not in said and "fault in this program" not in said
    codes = {0} if "Now serving" in said else {1, 10, 12}
    assert process.returncode in codes, f"exit code {process.returncode}: {said}"


def test_impossible_entries_cost_themselves_alone(strongroom: Strongroom, tmp_path: Path) -> None:
    """B-3: lies about type, size, links, names and content are left out or cut, and what stands beside them is read."""
    forge = Forge(tmp_path / "r")
    (data,) = forge.pack(("data", b"honest"))
    most = 2**64 - 1
    root = forge.tree(
        node("a folder that is a file", "file", mode=0o755 | 1 << 31, content=[data], size=6, links=most),
        node("absent", "file", content=["a" * 64], size=5),
        node("dir without tree", "dir"),
        node("future", "file", content=[data], size=6, mtime="9999-12-31T23:59:59.999999999Z"),
        node("gone", "dir", subtree="b" * 64),
        node("huge", "file", content=[data], size=most),
        node("inode", "file", content=[data], size=6, inode=most, device_id=most, links=2),
        node("link", "symlink", linktarget="x" * 10_000),
        node("link to nothing", "symlink", linktarget=""),
        node("n" * 300, "file", content=[data], size=6),
        node("nothing", "file", content=None, size=3),
        node("past", "file", content=[data], size=6, mtime="0000-01-01T00:00:00Z"),
        node("short", "file", content=[data], size=3),
        node("strange", "telephone"),
        node("zzz honest", "file", content=[data], size=6),
    )
    forge.index()
    forge.snapshot(root, hostname="../../..", tags=["..", "/", "t" * 300], username="\u0000")
    with mounts.mounted(strongroom, tmp_path / "r", tmp_path / "mnt") as process:
        top = tmp_path / "mnt" / "snapshots" / "latest"
        names = os.listdir(top)
        assert "zzz honest" in names and "strange" not in names and not [name for name in names if len(name) > 255]
        assert (top / "huge").stat().st_size == 2**63 - 1
        for path in _walk(os.fsencode(tmp_path / "mnt")):
            _look(path)
        assert stat.S_ISREG((top / "a folder that is a file").lstat().st_mode)
        for honest in ("zzz honest", "a folder that is a file", "future", "past", "inode"):
            assert (top / honest).read_bytes() == b"honest"
        with pytest.raises(OSError, match="Input/output"):
            (top / "absent").read_bytes()
        assert process.poll() is None
    said = mounts.log_of(tmp_path / "mnt")
    assert process.returncode == 0 and "Traceback" not in said
    assert "is in no index" in said
