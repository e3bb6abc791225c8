"""kill -9 at ten moments of a copy to two repositories: both stay whole, and the last run completes them."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.support.command import PASSWORD
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import make

KILLS = 10


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_copy_killed_ten_times(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """After each kill restic finds both targets whole; what was saved is not copied again; the end has everything."""
    chance = random.Random(7)
    origin, source = tmp_path / "origin", tmp_path / "source"
    targets = [tmp_path / "one", tmp_path / "two"]
    for repository in (origin, *targets):
        make(repository)
    source.mkdir()
    for number in range(4):
        for file in range(60):
            (source / f"{number}-{file}").write_bytes(chance.randbytes(chance.randrange(1000, 60_000)))
        strongroom.backup(origin, source, "--pack-size", "4")
    words: list[str | Path] = [
        "-r",
        targets[0],
        "-r",
        targets[1],
        "copy",
        "--from-repo",
        origin,
        "--limit-upload",
        "4000",
    ]
    strongroom.env["RESTIC_FROM_PASSWORD"] = PASSWORD
    saved: set[str] = set()
    for _ in range(KILLS):
        process = strongroom.start(*words)
        time.sleep(chance.uniform(0.3, 5.0))
        process.kill()
        process.wait()
        for target in targets:
            restic.on(target, "unlock", "--remove-all").expect(0)
            restic.check(target, read_data=False)
        found = {str(s["original"]) for s in strongroom.snapshots(targets[0])}
        assert saved <= found
        saved = found
    for target in targets:
        for lock in (target / "locks").iterdir():
            lock.unlink()
    strongroom.run(*words[:-2]).expect(0)
    for target in targets:
        restic.check(target)
        assert [s["tree"] for s in restic.snapshots(target)] == [s["tree"] for s in restic.snapshots(origin)]
    restic.restore(targets[1], tmp_path / "back")
    assert _contents(tmp_path / "back") == _contents(source)
