"""A snapshot against the files as they are now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.archive.diff_live import LiveFolder, compare_with_live
from strongroom.archive.vfs import SnapshotView
from strongroom.base.errors import UsageError
from strongroom.format.timestamp import Timestamp
from tests.support.forge import Forge, node
from tests.support.snapshots import opened, views

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.archive.diff import Comparison

Folder = dict[str, Any]


def _write(root: Path, folder: Folder) -> Path:
    root.mkdir(parents=True)
    for name, content in folder.items():
        if isinstance(content, dict):
            _write(root / name, content)
        else:
            (root / name).write_bytes(content)
    return root


def _differences(view: SnapshotView, live: Path, at: bytes = b"/", **options: Any) -> tuple[list[str], Comparison]:
    found: list[str] = []
    metadata = options.pop("metadata", False)
    folder = LiveFolder(os.fsencode(live), **options)
    sums = compare_with_live(
        view, at, folder, lambda one: found.append(f"{one.modifier} {os.fsdecode(one.path)}"), metadata=metadata
    )
    return [text.replace(str(live), "") for text in found], sums


HOUSE: Folder = {"same": b"one", "size": b"one", "text": b"one", "gone": {"leaf": b"three"}, "kind": {"x": b"one"}}


def test_what_came_went_and_changed(tmp_path: Path) -> None:
    """A file of the same size is read; the same bytes are no change, whatever their times; types are seen."""
    (view,) = views(tmp_path / "r", HOUSE)
    now = {"same": b"one", "size": b"longer", "text": b"eno", "kind": b"a file now", "new": {"leaf": b"22"}}
    found, sums = _differences(view, _write(tmp_path / "live", now))
    assert found == [
        *("- /gone/", "- /gone/leaf", "T /kind", "- /kind/x", "+ /new/", "+ /new/leaf", "M /size", "M /text"),
    ]
    assert (sums.changed_files, sums.added.files, sums.added.dirs, sums.added.bytes) == (2, 1, 1, 2)
    assert (sums.removed.files, sums.removed.dirs, sums.removed.bytes, sums.problems) == (2, 1, 8, 0)


def test_a_part_is_compared_with_a_part(tmp_path: Path) -> None:
    """A folder of the snapshot stands beside any folder of this machine; a path that is none is said so."""
    (view,) = views(tmp_path / "r", HOUSE)
    live = _write(tmp_path / "live", {"leaf": b"three"})
    assert _differences(view, live, b"/gone")[0] == []
    for at, place in ((b"/same", live), (b"/nothing", live), (b"/gone", live / "leaf"), (b"/gone", live / "no")):
        with pytest.raises(UsageError):
            _differences(view, place, at)


def test_files_that_look_unchanged_are_read_on_demand(tmp_path: Path) -> None:
    """With the snapshot's size, times and inode number a file counts as the same, unless all files are read."""
    live = _write(tmp_path / "live", {"file": b"other"})
    status = (live / "file").stat()
    forge = Forge(tmp_path / "r")
    blobs = forge.pack(("data", b"older"))
    times = {"mtime": str(Timestamp(status.st_mtime_ns)), "ctime": str(Timestamp(status.st_ctime_ns))}
    root = forge.tree(node("file", "file", size=5, content=blobs, inode=status.st_ino, **times))
    forge.index()
    view = SnapshotView(opened(tmp_path / "r"), root)
    assert _differences(view, live)[0] == []
    assert _differences(view, live, reads_all=True)[0] == ["M /file"]


def test_what_the_backup_left_out_is_not_missed(tmp_path: Path) -> None:
    """Names that match the snapshot's excludes do not count as new."""
    (view,) = views(tmp_path / "r", {"kept": b"one"})
    live = _write(tmp_path / "live", {"kept": b"one", "a.tmp": b"", "sub": {"b.tmp": b""}})
    assert _differences(view, live, excludes=["*.tmp"])[0] == ["+ /sub/"]


def test_metadata_counts_when_asked_for(tmp_path: Path) -> None:
    """Another mode or time is shown with ``metadata``, and not without."""
    (view,) = views(tmp_path / "r", {"file": b"one"})
    live = _write(tmp_path / "live", {"file": b"one"})
    assert _differences(view, live)[0] == []
    assert _differences(view, live, metadata=True)[0] == ["U /file"]


def test_what_cannot_be_read_is_reported(tmp_path: Path) -> None:
    """A missing tree of the snapshot costs itself alone and is counted."""
    forge = Forge(tmp_path / "r")
    root = forge.tree(node("gone", "dir", subtree="a" * 64), node("there", "dir", subtree=forge.tree()))
    forge.index()
    view = SnapshotView(opened(tmp_path / "r"), root)
    found, sums = _differences(view, _write(tmp_path / "live", {"gone": {}, "there": {"new": b""}}))
    assert found == ["+ /there/new"] and sums.problems == 1
