"""`recover` brings back what was forgotten by mistake, as restic's does."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support import compare
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import make, opened


def _content(repository: Path, snapshot: str) -> set[tuple[str, str | None]]:
    """The folders of a recovered snapshot: name and tree."""
    found = opened(repository)
    found.load_index()
    return {(node.name.decode(), node.subtree) for node in found.load_tree(found.load_snapshot(snapshot).tree).nodes}


def _write(path: Path, number: int) -> None:
    path.write_bytes(b"%d" % number * 5000)
    os.utime(path, ns=(0, 1_700_000_000_123_456_789 + number))


def test_forgotten_snapshots_come_back(
    strongroom: Strongroom, restic: Restic, repository: Path, source: Path, tmp_path: Path
) -> None:
    """Two of three snapshots were forgotten: both are folders of the new one, which restic checks and restores.

    It says who made it, as that of restic's ``recover`` does.
    """
    make(repository)
    trees = []
    for number in range(3):
        _write(source / "new", number)
        restic.backup(repository, source)
        trees.append(restic.snapshots(repository)[-1]["tree"])
    for snapshot in restic.snapshots(repository)[:2]:
        restic.on(repository, "forget", snapshot["id"]).expect(0)
    for index in (repository / "index").iterdir():  # the index is made complete first
        index.unlink()
        break
    strongroom.on(repository, "recover").expect(0)
    (found,) = [snapshot for snapshot in restic.snapshots(repository) if snapshot["paths"] == ["/recover"]]
    assert found["tags"] == ["recovered"] and "parent" not in found
    assert _content(repository, found["id"]) == {(tree[:8], tree) for tree in trees[:2]}
    restic.check(repository)
    restic.restore(repository, tmp_path / "back", found["id"])
    _write(source / "new", 1)
    compare.assert_same(source, tmp_path / "back" / trees[1][:8] / source.relative_to("/"))
    assert "found 0 unreferenced roots" in strongroom.on(repository, "recover").expect(0).out
    assert "found 0 unreferenced roots" in restic.on(repository, "recover").expect(0).out
    restic.on(repository, "forget", found["id"]).expect(0)
    restic.on(repository, "recover").expect(0)
    (theirs,) = [snapshot for snapshot in restic.snapshots(repository) if snapshot["paths"] == ["/recover"]]
    own = {"id", "short_id", "time", "tree", "original"}
    assert {key: found[key] for key in found.keys() - own} == {key: theirs[key] for key in theirs.keys() - own}


def test_what_is_damaged_is_left_out(strongroom: Strongroom, restic: Restic, repository: Path, source: Path) -> None:
    """A damaged tree is named, its subtrees and all others come back."""
    make(repository)
    restic.backup(repository, source)
    (snapshot,) = restic.snapshots(repository)
    restic.on(repository, "forget", snapshot["id"]).expect(0)
    found = opened(repository)
    found.load_index()
    place = found.locations("tree", snapshot["tree"])[0]
    below = found.load_tree(snapshot["tree"]).nodes[0].subtree
    pack = repository / "data" / place.pack[:2] / place.pack
    data = bytearray(pack.read_bytes())
    data[place.offset + 20] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(data)
    ended = strongroom.on(repository, "--no-cache", "recover").expect(0)
    assert snapshot["tree"] in ended.err
    (recovered,) = restic.snapshots(repository)
    assert below is not None and (below[:8], below) in _content(repository, recovered["id"])
