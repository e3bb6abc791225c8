"""What a prune does to a repository: mixed packs, versions, compression, index files, and what it leaves alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from strongroom.base.errors import Interrupted, UsageError
from strongroom.base.progress import Reporter
from strongroom.base.record import replace
from strongroom.maintenance.prune_plan import MaxUnused, PruneOptions
from strongroom.maintenance.prune_run import prune
from strongroom.maintenance.prune_stats import PruneStats
from tests.support.forge import Forge, dumps, node, sha
from tests.support.programs import Restic
from tests.support.pruning.repositories import contents, packs
from tests.support.repositories import opened

EVERYTHING = PruneOptions(max_unused=MaxUnused(percent=0))


def pruned(place: Path, options: PruneOptions = EVERYTHING, reporter: Reporter | None = None) -> PruneStats:
    """Prune a repository."""
    with opened(place) as repository, repository.lock(exclusive=True) as lock:
        return prune(repository, options, reporter or Reporter(), lock=lock)


def kinds(place: Path) -> list[set[str]]:
    """Which types of blobs each pack holds by the index, and whether all are compressed."""
    with opened(place) as repository:
        index = repository.load_index()
        return [{entry.kind for entry in index.pack_entries(pack)} for pack in index.packs()]


def mixed(place: Path, version: int) -> Forge:
    """A pack with a blob of data and both trees."""
    forge = Forge(place, version)
    content = b"of a file\n" * 300
    folder = dumps({"nodes": [node("file", "file", content=[sha(content)], size=len(content))]}) + b"\n"
    root = dumps({"nodes": [node("folder", "dir", subtree=sha(folder))]}) + b"\n"
    forge.pack(("data", content), ("tree", folder), ("tree", root))
    forge.index()
    forge.snapshot(sha(root))
    return forge


@pytest.mark.peer("restic")
@pytest.mark.parametrize("version", [1, 2])
def test_a_mixed_pack_is_split(version: int, tmp_path: Path) -> None:
    """Trees and data lie in packs of their own afterwards, compressed in version 2 alone, and restic agrees."""
    place = tmp_path / "repository"
    mixed(place, version)
    files = contents(place)
    pruned(place)
    assert sorted(map(sorted, kinds(place))) == [["data"], ["tree"]]
    assert contents(place) == files
    with opened(place) as repository:
        index = repository.load_index()
        entries = [entry for pack in index.packs() for entry in index.pack_entries(pack)]
        assert all(bool(entry.uncompressed_length) == (version == 2) for entry in entries)
    Restic(tmp_path / "home").check(place)


def test_compression_is_refused_in_version_1(tmp_path: Path) -> None:
    """It says what version has it."""
    mixed(tmp_path, 1)
    with pytest.raises(UsageError, match="version 2"):
        pruned(tmp_path, replace(EVERYTHING, repack_uncompressed=True))


def test_uncompressed_data_is_packed_anew_on_demand(tmp_path: Path) -> None:
    """All of it is needed, and nothing is uncompressed afterwards."""
    forge = Forge(tmp_path)
    (blob,) = forge.pack(("data", b"text " * 5000))
    forge.snapshot(forge.tree(node("file", "file", content=[blob], size=25_000)))
    forge.index()
    assert pruned(tmp_path).size.uncompressed > 25_000
    stats = pruned(tmp_path, replace(EVERYTHING, repack_uncompressed=True))
    assert stats.packs.repack == 1
    assert pruned(tmp_path).size.uncompressed == 0


def test_what_needs_nothing_changes_nothing(tmp_path: Path) -> None:
    """No file of a repository without anything to prune is written or removed, and no dry run changes one."""
    forge = Forge(tmp_path)
    (blob,) = forge.pack(("data", b"needed" * 200))
    forge.pack(("data", os.urandom(2000)))
    forge.snapshot(forge.tree(node("file", "file", content=[blob], size=1200)))
    forge.index(forge.entries[:1])
    forge.index(forge.entries[1:])

    def state() -> set[str]:
        return {path.name for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "locks"}

    before = state()
    stats = pruned(tmp_path, replace(EVERYTHING, dry_run=True))
    assert state() == before and stats.packs.remove == 1
    pruned(tmp_path)
    tidy = state()
    assert tidy != before
    pruned(tmp_path)
    assert state() == tidy


def test_a_stop_before_the_plan_changes_nothing(tmp_path: Path) -> None:
    """Whoever asks to stop finds every pack as it was."""
    forge = mixed(tmp_path, 2)
    reporter = Reporter()
    reporter.stop.set()
    with pytest.raises(Interrupted):
        pruned(tmp_path, reporter=reporter)
    assert packs(tmp_path) == {pack["id"] for pack in forge.entries}
