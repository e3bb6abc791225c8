"""One folder of very many files costs no more memory than it costs restic."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from strongroom import _kernel
from tests.support import forge
from tests.support.command import run
from tests.support.programs import Program, Restic, Strongroom

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.peer("restic")

FILES = 150_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two snapshots of one folder; in the second its last file is another."""
    made = forge.Forge(tmp_path_factory.mktemp("large") / "repository")
    (first, second) = made.pack(("data", b"content"), ("data", b"another"))
    nodes = [
        forge.node(f"file-{number:06d}.txt", "file", content=[first], size=7, inode=number + 1, user="ann", group="ann")
        for number in range(FILES)
    ]
    for last in (first, second):
        nodes[-1]["content"] = [last]
        text = forge.dumps({"nodes": nodes}) + b"\n"
        (tree,) = made.pack(("tree", text), frames={0: (_kernel.compress(text), len(text))})
        made.snapshot(
            made.tree(forge.node("folder", "dir", subtree=tree)), time=f"2024-01-0{1 + (last == second)}T00:00:00Z"
        )
    made.index()
    return made.place


@pytest.mark.parametrize(
    "words",
    [
        ("ls", "latest"),
        ("find", "--json", "no-such-name"),
        ("stats", "--json", "latest"),
        ("dump", "latest", "/folder/file-100000.txt"),
        ("diff", "latest~1", "latest"),
    ],
    ids=lambda words: words[0],
)
def test_takes_no_more_memory_than_restic(large: Path, tmp_path: Path, words: tuple[str, ...]) -> None:
    """The highest resident size of each verb that looks into a folder is at most restic's, and it says the same."""
    strongroom, restic = Strongroom(tmp_path / "ours"), Restic(tmp_path / "theirs")
    if words[0] == "diff":
        words = ("diff", *(found["id"] for found in restic.snapshots(large)))
    ours, theirs = (_measured(program, "-r", large, "--no-lock", *words) for program in (strongroom, restic))
    assert ours[0] == theirs[0]
    assert ours[1] <= theirs[1], f"{ours[1]} KiB, restic {theirs[1]} KiB"


MEASURE = """
import os, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def _measured(program: Program, *words: str | Path) -> tuple[bytes, int]:
    """What it prints, and its highest resident size in KiB as the system counted it: who looks now and then from
    outside sees less of a command that is over in half a second, and how much less hangs on the neighbours."""
    file = program.home / "peak"
    line = [sys.executable, "-I", "-S", "-c", MEASURE, file, program.executable, *words]
    said = run(line, env=program.env).expect(0).stdout
    return said, int(file.read_text())
