"""Small files that are opened one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.mount.blob_cache import BlobCache
from strongroom.mount.siblings import Siblings
from tests.support import waiting
from tests.support.forge import Forge, node
from tests.support.snapshots import opened
from tests.unit.mount.loading import Loading

if TYPE_CHECKING:
    from pathlib import Path


def test_the_next_files_are_fetched_once_two_follow_each_other(tmp_path: Path) -> None:
    """One open fetches nothing; the second in a row fetches the next small files, not folders, nor large files."""
    forge = Forge(tmp_path)
    blobs = forge.pack(*(("data", b"%d" % number) for number in range(6)))
    files = [node(f"f{number}", "file", content=[blobs[number]], size=1) for number in range(4)]
    large = node("large", "file", content=blobs[4:], size=2)
    root = forge.tree(*files, node("folder", "dir", subtree=forge.tree()), large)
    forge.index()
    repository = opened(tmp_path)
    repository.load_index()
    fetched: list[str] = []
    cache = BlobCache(Loading(lambda blob: fetched.append(blob) or b""), 2)  # type: ignore[func-returns-value]
    siblings = Siblings(cache)
    tree = repository.load_tree(root)
    siblings.opened(root, tree, b"f3")
    siblings.opened(root, tree, b"f0")
    assert fetched == []
    siblings.opened(root, tree, b"f1")
    waiting.until(lambda: len(fetched) == 2)
    assert sorted(fetched) == sorted(blobs[2:4])
