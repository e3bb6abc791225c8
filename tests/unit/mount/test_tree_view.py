"""From paths to what stands there, and files read at any place."""

from __future__ import annotations

import random
import stat
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Damaged, Missing
from strongroom.mount.blob_cache import BlobCache
from strongroom.mount.blobs import Blobs
from strongroom.mount.open_file import OpenFile
from strongroom.mount.snapshots import MountedSnapshots
from strongroom.mount.tree_view import Inode, Owner, TreeView
from strongroom.repository.selection import EVERYTHING
from tests.support.forge import Forge, node
from tests.support.snapshots import opened
from tests.unit.mount.loading import Loading

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.repository.opened import Repository


def _view(repository: Repository, *, root: bool = False) -> tuple[TreeView, list[str]]:
    told: list[str] = []
    snapshots = MountedSnapshots(repository, EVERYTHING, ("ids/%i", "by/%T"), "2006", told.append)
    snapshots.load()
    return TreeView(repository, snapshots, Owner(root, 7, 8), lambda path, why: told.append(f"{path}: {why}")), told


def _find(view: TreeView, path: str) -> Inode:
    """What stands at a path, name by name from the mount on, as the kernel asks."""
    inode = view.root()
    for name in filter(None, path.split("/")):
        inode = view.child(inode, name)
    return inode


def _names(view: TreeView, path: str) -> list[str]:
    return [name for name, _ in view.children(_find(view, path))]


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
    (short,) = _names(view, "/ids")
    assert view.attributes(_find(view, "/"))["st_ino"] == 1
    assert view.attributes(_find(view, "/by/latest"))["st_mode"] == stat.S_IFLNK | 0o777
    top = view.attributes(_find(view, f"/ids/{short}"))
    assert top["st_mode"] == stat.S_IFDIR | 0o555 and "st_uid" not in top
    leaf, twin = (view.attributes(_find(view, f"/ids/{short}/{path}")) for path in ("dir/leaf", "twin"))
    assert leaf["st_ino"] == twin["st_ino"] and leaf["st_uid"] == 12
    assert twin["st_mode"] == stat.S_IFREG | 0o755 and twin["st_blocks"] == 1
    elsewhere = view.attributes(_find(view, "/by/2024/twin"))
    assert elsewhere["st_ino"] != twin["st_ino"]
    for missing in ("/nothing", f"/ids/{short}/no", f"/ids/{short}/odd", "/ids/x/y"):
        with pytest.raises(FileNotFoundError):
            _find(view, missing)
    with pytest.raises(NotADirectoryError):
        _find(view, f"/ids/{short}/twin/below")


def test_listings_leave_out_what_cannot_be_shown(tmp_path: Path) -> None:
    """An entry of no known type is told and left out; a folder whose tree is missing costs itself alone."""
    _forged(tmp_path)
    view, told = _view(opened(tmp_path), root=True)
    assert _names(view, "/by/2024") == ["dir", "gone", "twin"]
    assert len(told) == 1 and "odd" in told[0]
    assert view.attributes(_find(view, "/by/2024"))["st_nlink"] == 4
    assert "st_uid" not in view.attributes(_find(view, "/by/2024/twin"))
    with pytest.raises(Missing):
        _names(view, "/by/2024/gone")


def test_new_snapshots_are_seen_after_a_while(tmp_path: Path) -> None:
    """The list is looked at again when it is old enough; a link that leads elsewhere then is another thing."""
    forge = _forged(tmp_path)
    repository = opened(tmp_path)
    view, _ = _view(repository)
    assert _names(view, "/by") == ["2024", "latest"]
    forge.snapshot(forge.entries[0]["blobs"][0]["id"], time="2025-01-01T00:00:00Z")
    assert len(_names(view, "/by")) == 2
    before = _find(view, "/by/latest").identity
    repository.surroundings.clock.sleep(100)
    assert _names(view, "/by") == ["2024", "latest", "2025"]
    assert _find(view, "/by/2025/leaf").node is not None
    assert (before, _find(view, "/by/latest").identity) == ("2024", "2025")


def test_reads_at_any_place(tmp_path: Path) -> None:
    """Any offset and length gives the bytes that stand there; a blob that no index names is told when it is opened."""
    chance = random.Random(7)
    parts = [chance.randbytes(size) for size in (1, 500, 0, 70_000, 3)]
    forge = Forge(tmp_path)
    blobs = forge.pack(*(("data", part) for part in parts))
    forge.index()
    repository = opened(tmp_path)
    repository.load_index()
    cache = BlobCache(Blobs(repository), 2)
    file, whole = OpenFile(repository, cache, blobs, "file"), b"".join(parts)
    assert file.size == len(whole) and b"".join(file.read(0, 1 << 20)) == whole
    for _ in range(300):
        offset, size = chance.randrange(len(whole) + 5), int(80_000 ** chance.random())
        assert b"".join(file.read(offset, size)) == whole[offset : offset + size]
    with pytest.raises(Missing):
        OpenFile(repository, cache, ["a" * 64], "file")
    lying = OpenFile(repository, BlobCache(Loading(lambda _: b"other"), 0), blobs[1:2], "file")
    with pytest.raises(Damaged):
        lying.read(0, 10)
