"""One folder of very many files costs no more memory than it costs restic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom import _kernel
from tests.support import forge
from tests.support.programs import Restic, Strongroom

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
    ours, theirs = (program.on(large, "--no-lock", *words).expect(0) for program in (strongroom, restic))
    assert ours.stdout == theirs.stdout
    assert ours.peak <= theirs.peak, f"{ours.peak >> 20} MiB, restic {theirs.peak >> 20} MiB"
