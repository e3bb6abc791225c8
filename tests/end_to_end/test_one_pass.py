"""One pass reads each file once, whatever the number of repositories."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.support import trees
from tests.support.programs import Strongroom


def _bytes_read(pid: int) -> int:
    """What a process has read by system calls in all, as its account says when it has ended and is not reaped yet."""
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    found = re.search(rb"rchar: (\d+)", Path(f"/proc/{pid}/io").read_bytes())
    assert found
    return int(found.group(1))


@pytest.mark.parametrize("options", [(), ("--no-extra-verify",)], ids=["default", "no extra verify"])
def test_three_repositories_cost_one_read(strongroom: Strongroom, tmp_path: Path, options: tuple[str, ...]) -> None:
    """A backup to three repositories reads at most 1.05 of the source's bytes, and no less than all of them."""
    source = trees.ordinary(trees.large(tmp_path / "source", megabytes=192), files=200)
    repositories = [tmp_path / f"repository{number}" for number in range(3)]
    for repository in repositories:
        strongroom.init(repository)
    named = [word for repository in repositories for word in ("-r", str(repository))]
    idle = strongroom.start("version")
    start_cost = _bytes_read(idle.pid)
    idle.wait()
    process = strongroom.start(*named, "backup", *options, source)
    read = _bytes_read(process.pid) - start_cost
    assert process.wait() == 0
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    assert size <= read <= 1.05 * size, f"read {read / size:.3f} of the source"
