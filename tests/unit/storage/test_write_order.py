"""The order in which an object becomes durable, seen by the system calls of a real process."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support import peers

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """
import sys
from strongroom.base.objects import Kind, ObjectName
from strongroom.storage.local.store import LocalStore
store = LocalStore(sys.argv[1])
store._anonymous = sys.argv[2] == "anonymous"
store.prepare()
store.create(ObjectName(Kind.DATA, "ab" * 32), b"the pack itself" * 10)
"""


@pytest.mark.parametrize("how", ["anonymous", "named"])
def test_written_synced_published_synced(tmp_path: Path, how: str) -> None:
    """write, fsync of the file, link or rename that does not replace, fsync of the folder; nothing else publishes."""
    strace = peers.require("strace")
    trace, repository = tmp_path / "trace", tmp_path / "repository"
    calls = "write,fsync,fdatasync,link,linkat,rename,renameat,renameat2"
    subprocess.run(
        [strace, "-f", "-y", "-s", "24", "-e", f"trace={calls}", "-o", trace, sys.executable, "-c", _PROGRAM,
         repository, how],
        check=True,
    )  # fmt: skip
    lines = [line for line in trace.read_text().splitlines() if str(repository) in line]

    first_write = min(number for number, line in enumerate(lines) if "the pack itself" in line)

    after = [re.sub(r"^\d+ +", "", line).split("(", 1)[0] for line in lines[first_write:]]
    publish = {"anonymous": "linkat", "named": "renameat2"}[how]
    assert after == ["write", "fsync", publish, "fsync"]
    written, synced, published, folder = lines[first_write:]
    opened = re.search(r"\((\d+)<", written)
    again = re.search(r"\((\d+)<", synced)
    assert opened is not None
    assert again is not None
    assert opened[1] == again[1]
    assert f"{'ab' * 32}" in published
    assert "AT_SYMLINK_FOLLOW" in published if how == "anonymous" else "RENAME_NOREPLACE" in published
    assert f"<{repository}/data/ab>" in folder
    assert not [line for line in lines if re.search(r"\b(rename|renameat|link)\(", line)]
