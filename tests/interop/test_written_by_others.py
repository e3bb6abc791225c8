"""What restic and rustic write, we read, check and restore."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import compare, trees
from tests.support.programs import Program, Restic, Rustic, Strongroom


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_hostile_tree_from_restic(
    version: str, restic: Restic, strongroom: Strongroom, repository: Path, hostile_source: Path, tmp_path: Path
) -> None:
    """We find no fault in what restic wrote, and restore the hostile tree identically."""
    restic.init(repository, "--repository-version", version)
    restic.backup(repository, hostile_source)
    strongroom.check(repository)
    strongroom.restore(repository, tmp_path / "out")
    compare.assert_same(hostile_source, compare.restored(tmp_path / "out", hostile_source))


def test_a_hostile_tree_from_rustic(
    rustic: Rustic, strongroom: Strongroom, repository: Path, hostile_source: Path, tmp_path: Path
) -> None:
    """We find no fault in what rustic wrote, frames without a content size among it, and restore it identically."""
    rustic.init(repository)
    rustic.backup(repository, hostile_source)
    strongroom.check(repository)
    strongroom.restore(repository, tmp_path / "out")
    compare.assert_same(hostile_source, compare.restored(tmp_path / "out", hostile_source))


def test_relative_paths_from_rustic(
    rustic: Rustic, strongroom: Strongroom, repository: Path, source: Path, tmp_path: Path
) -> None:
    """A snapshot whose path is relative, as rustic writes it, is listed and restored."""
    rustic.init(repository)
    rustic.backup(repository, "source", cwd=source.parent)
    assert strongroom.snapshots(repository)[0]["paths"] == ["source"]
    strongroom.restore(repository, tmp_path / "out")
    compare.assert_same(source, tmp_path / "out" / "source")


def test_links_that_are_not_utf8(strongroom: Strongroom, rustic: Rustic, repository: Path, tmp_path: Path) -> None:
    """A link target that is not UTF-8 comes back through ourselves and through rustic."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "link").symlink_to(b"caf\xe9 \xff target".decode("utf-8", "surrogateescape"))
    strongroom.init(repository)
    strongroom.backup(repository, source)
    for program in (strongroom, rustic):
        out = tmp_path / program.name
        program.restore(repository, out)
        compare.assert_same(source, compare.restored(out, source))


def test_everything_is_listed(peer: Program, strongroom: Strongroom, repository: Path, source: Path) -> None:
    """ls of another program's snapshot names every file and folder with its size."""
    peer.init(repository)
    peer.backup(repository, source)
    nodes = strongroom.on(repository, "ls", "latest", "--json").expect(0).lines()
    listed = {node["path"]: node.get("size") for node in nodes if node.get("struct_type") == "node"}
    for path in source.rglob("*"):
        assert str(path) in listed
        if path.is_file():
            assert path.stat().st_size == (listed[str(path)] or 0)


def test_a_large_file_and_many_small_ones(
    peer: Program, strongroom: Strongroom, repository: Path, tmp_path: Path
) -> None:
    """Files of many chunks and folders of many files come back through us from every program's packs."""
    source = trees.ordinary(trees.large(tmp_path / "source", megabytes=40), files=1500, largest=4000)
    peer.init(repository)
    peer.backup(repository, source)
    strongroom.check(repository)
    strongroom.restore(repository, tmp_path / "out")
    compare.assert_same(source, compare.restored(tmp_path / "out", source))
