"""``unlock``: what it says where a lock stays, and what else it takes away."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strongroom.base.objects import Kind
from strongroom.format.lock import LockFile
from tests.support.repositories import make, opened
from tests.support.servers.rest_server import RestServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.programs import Restic, Strongroom


def stale(path: Path, count: int) -> set[str]:
    """The names of so many locks of long ago, in a new repository."""
    make(path)
    locks = [LockFile(1, False, "elsewhere", "ann", number) for number in range(1, count + 1)]
    with opened(path) as repository:
        return {repository.save_unpacked(Kind.LOCK, lock.encode()) for lock in locks}


@pytest.mark.parametrize("words", [(), ("--remove-all",)])
def test_a_lock_that_the_store_keeps_is_an_error(
    strongroom: Strongroom, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """Each one that the server will not remove is named with the reason; the others go; the end is no success."""
    names = stale(tmp_path / "r", 3)
    with RestServer() as server:
        for path in (tmp_path / "r").rglob("*"):
            if path.is_file():
                server.objects[f"repo/{path.relative_to(tmp_path / 'r')}"] = path.read_bytes()
        server.fail("DELETE", "status", times=2, status=403)
        ended = strongroom.on(f"rest:{server.url}", "unlock", *words).expect(1)
        left = {path[-64:] for path in server.objects if "/locks/" in path}
        assert len(left) == 2 and left < names
        assert "successfully removed 1 locks, but 2 could not be removed" in ended.err
        assert all(f"cannot remove the lock {name[:8]}" in ended.err for name in left)
        assert all(name[:8] in ended.err.splitlines()[-2] for name in left)
        strongroom.on(f"rest:{server.url}", "unlock", *words).expect(0)


def test_what_is_no_file_among_locks_goes_with_all(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """A link that points nowhere, at which restic stops, a link to a file, and a pipe; what they point to stays."""
    make(tmp_path / "r")
    (tmp_path / "kept").write_bytes(b"kept")
    locks = tmp_path / "r" / "locks"
    (locks / ("1" * 64)).symlink_to("nowhere")
    (locks / ("2" * 64)).symlink_to(tmp_path / "kept")
    os.mkfifo(locks / ("3" * 64))
    assert "removed 3 locks" in strongroom.on(tmp_path / "r", "unlock", "--remove-all").expect(0).out
    assert not list(locks.iterdir()) and (tmp_path / "kept").read_bytes() == b"kept"
    restic.on(tmp_path / "r", "snapshots").expect(0)
