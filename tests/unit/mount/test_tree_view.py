"""From paths to what stands there, and files read at any place."""

from __future__ import annotations

import random
import stat
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Damaged, Missing
from strongroom.mount.blob_cache import BlobCache
from strongroom.mount.open_file import OpenFile
from strongroom.mount.snapshots import MountedSnapshots
from strongroom.mount.tree_view import Owner, TreeView
from strongroom.repository.selection import EVERYTHING
from tests.support.forge import Forge, node
from tests.support.snapshots import opened

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.repository.opened import Repository


def _view(repository: Repository, *, root: bool = False) -> tuple[TreeView, list[str]]:
    told: list[str] = []
    snapshots = MountedSnapshots(repository, EVERYTHING, ("ids/%i", "by/%T"), "2006", told.append)
    snapshots.load()
    return TreeView(repository, snapshots, Owner(root, 7, 8), lambda path, why: told.append(f"{path}: {why}")), told


def _forged(place: Path) -> Forge:
    forge = Forge(place)
    deep = forge.tree(node("leaf", "file", size=3, links=2, inode=5, device_id=1, uid=12))
    twin = node("twin", "file", size=3, links=2, inode=5, device_id=1, mode=0o4755 | 1 << 31)
    root = forge.tree(node("dir", "dir", subtree=deep), node("gone", "dir", subtree="a" * 64), node("odd", "x"), twin)
    forge.index()
    forge.snapshot(root)
    return forge


def test_paths_are_found(tmp_path: Path) -> None:
    """Folders above snapshots, links, and entries in snapshots have restic's attributes; types come from the node."""
    _forged(tmp_path)
    view, _ = _view(opened(tmp_path))
    (short,) = (name for name, _ in view.children("/ids"))
    assert view.attributes(view.find("/"))["st_ino"] == 1
    assert view.attributes(view.find("/by/latest"))["st_mode"] == stat.S_IFLNK | 0o777
    top = view.attributes(view.find(f"/ids/{short}"))
    assert top["st_mode"] == stat.S_IFDIR | 0o555 and "st_uid" not in top
    leaf, twin = (view.attributes(view.find(f"/ids/{short}/{path}")) for path in ("dir/leaf", "twin"))
    assert leaf["st_ino"] == twin["st_ino"] and leaf["st_uid"] == 12
    assert twin["st_mode"] == stat.S_IFREG | 0o755 and twin["st_blocks"] == 1
    elsewhere = view.attributes(view.find("/by/2024/twin"))
    assert elsewhere["st_ino"] != twin["st_ino"]
    for missing in ("/nothing", f"/ids/{short}/no", f"/ids/{short}/odd", "/ids/x/y"):
        with pytest.raises(FileNotFoundError):
            view.find(missing)
    with pytest.raises(NotADirectoryError):
        view.find(f"/ids/{short}/twin/below")


def test_listings_leave_out_what_cannot_be_shown(tmp_path: Path) -> None:
    """An entry of no known type is told and left out; a folder whose tree is missing costs itself alone."""
    _forged(tmp_path)
    view, told = _view(opened(tmp_path), root=True)
    assert [name for name, _ in view.children("/by/2024")] == ["dir", "gone", "twin"]
    assert len(told) == 1 and "odd" in told[0]
    assert view.attributes(view.find("/by/2024"))["st_nlink"] == 4
    assert "st_uid" not in view.attributes(view.find("/by/2024/twin"))
    with pytest.raises(Missing):
        view.children("/by/2024/gone")


def test_new_snapshots_are_seen_after_a_while(tmp_path: Path) -> None:
    """The list is looked at again when it is old enough, and paths that were remembered are forgotten."""
    forge = _forged(tmp_path)
    repository = opened(tmp_path)
    view, _ = _view(repository)
    assert [name for name, _ in view.children("/by")] == ["2024", "latest"]
    forge.snapshot(forge.entries[0]["blobs"][0]["id"], time="2025-01-01T00:00:00Z")
    assert len(list(view.children("/by"))) == 2
    repository.surroundings.clock.sleep(100)
    assert [name for name, _ in view.children("/by")] == ["2024", "latest", "2025"]
    assert view.find("/by/2025/leaf").node is not None


def test_reads_at_any_place(tmp_path: Path) -> None:
    """Any offset and length gives the bytes that stand there; a blob that no index names is told when it is opened."""
    chance = random.Random(7)
    parts = [chance.randbytes(size) for size in (1, 500, 0, 70_000, 3)]
    forge = Forge(tmp_path)
    blobs = forge.pack(*(("data", part) for part in parts))
    forge.index()
    repository = opened(tmp_path)
    repository.load_index()
    cache = BlobCache(lambda blob: repository.load_blob("data", blob), 2)
    file, whole = OpenFile(repository, cache, blobs, "file"), b"".join(parts)
    assert file.size == len(whole) and b"".join(file.read(0, 1 << 20)) == whole
    for _ in range(300):
        offset, size = chance.randrange(len(whole) + 5), int(80_000 ** chance.random())
        assert b"".join(file.read(offset, size)) == whole[offset : offset + size]
    with pytest.raises(Missing):
        OpenFile(repository, cache, ["a" * 64], "file")
    lying = OpenFile(repository, BlobCache(lambda _: b"other", 0), blobs[1:2], "file")
    with pytest.raises(Damaged):
        lying.read(0, 10)
