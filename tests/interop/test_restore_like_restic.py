"""The same snapshot and the same options: we restore what restic restores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support import compare

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.programs import Restic, Strongroom

PATTERNS = (
    ("--include", "*.txt"),
    ("--include", "/docs/*/inner.txt"),
    ("--include", "/docs/**/inner.*"),
    ("--include", "deep", "--include", "top.log"),
    ("--include", "no such name"),
    ("--exclude", "deep", "--exclude", "*.log"),
    ("--exclude", "/docs/**"),
    ("--iexclude", "*.TXT"),
)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders with files of two kinds, an empty folder and a link."""
    place = tmp_path_factory.mktemp("source")
    for folder in ("docs", "docs/deep", "docs/deep/deeper", "other", "empty"):
        (place / folder).mkdir()
        if folder != "empty":
            for name in ("inner.txt", "inner.log"):
                (place / folder / name).write_text(f"{folder}/{name}")
    (place / "top.log").write_text("top")
    (place / "other" / "link.txt").symlink_to("inner.txt")
    return place


@pytest.mark.peer("restic")
def test_patterns(source: Path, restic: Restic, strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """With each list of patterns the same entries come back, with the same metadata."""
    restic.init(repository)
    restic.on(repository, "backup", ".", cwd=source).expect(0)
    for number, patterns in enumerate(PATTERNS):
        theirs, ours = tmp_path / f"theirs{number}", tmp_path / f"ours{number}"
        for folder in (theirs, ours):
            folder.mkdir()
        restic.on(repository, "restore", "latest", "--target", theirs, *patterns).expect(0)
        strongroom.on(repository, "restore", "latest", "--target", ours, *patterns).expect(0)
        compare.assert_same(theirs, ours)


@pytest.mark.peer("restic")
def test_again_in_place(source: Path, restic: Restic, strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """Over what restic has restored, and somebody has changed since, everything is as in the snapshot again."""
    restic.init(repository)
    restic.on(repository, "backup", ".", cwd=source).expect(0)
    out = tmp_path / "out"
    restic.restore(repository, out)
    (out / "top.log").write_text("changed")
    (out / "docs" / "inner.txt").unlink()
    (out / "docs" / "deep").chmod(0o700)
    (out / "added").write_text("added")
    strongroom.on(repository, "restore", "latest", "--target", out, "--delete", "--verify").expect(0)
    compare.assert_same(source, out)


@pytest.mark.peer("restic")
def test_what_is_said_of_each(
    source: Path, restic: Restic, strongroom: Strongroom, repository: Path, tmp_path: Path
) -> None:
    """With two levels of verbosity, files and folders have the same names and actions."""
    restic.init(repository)
    restic.on(repository, "backup", ".", cwd=source).expect(0)
    said: list[list[tuple[str, str, int]]] = []
    for program in (restic, strongroom):
        words = ("restore", "latest", "--target", tmp_path / program.name, "-vv", "--json")
        out = program.on(repository, *words).expect(0).out
        items = [json.loads(line) for line in out.splitlines() if '"verbose_status"' in line]
        said.append(sorted((line["item"], line["action"], line["size"]) for line in items))
    if said[0]:  # Debian's says nothing of each
        assert said[0] == said[1]
