"""Restoring over files that are there: overwriting, deleting, filters, dry runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from strongroom.archive.restore.run import RestoreOptions
from strongroom.base.errors import UsageError
from tests.support.forge import Forge, node
from tests.support.restoring import Files, bring_back

if TYPE_CHECKING:
    from pathlib import Path

MOMENT = 1704067200 * 10**9
"""The modification time of every forged node."""


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository without anything in it."""
    return Forge(tmp_path / "repository")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A target that exists."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def _write(path: Path, content: bytes, moment: int = MOMENT) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(moment, moment))


def _tree(forge: Forge) -> str:
    files = Files(forge)
    root = forge.tree(
        files.node("changed", b"A" * 9000, b"B" * 9000, b"C" * 9000),
        files.node("longer", b"short"),
        files.node("missing", b"missing"),
        files.node("newer", b"snapshot's"),
        files.node("older", b"snapshot's"),
        files.node("same", b"same"),
        files.node("stamped", b"right"),
    )
    files.pack()
    return root


def _old_files(out: Path) -> dict[str, int]:
    _write(out / "changed", b"A" * 9000 + b"x" * 9000 + b"C" * 9000)
    _write(out / "longer", b"short and more")
    _write(out / "newer", b"of the target", MOMENT + 1)
    _write(out / "older", b"of the target", MOMENT - 1)
    _write(out / "same", b"same", MOMENT - 5)
    _write(out / "stamped", b"wrong")
    return {path.name: path.stat().st_ino for path in out.iterdir()}


EXPECTED = {
    "always": {
        "updated": {"changed", "longer", "newer", "older", "stamped"},
        "unchanged": {"same"},
    },
    "if-changed": {"updated": {"changed", "longer", "newer", "older"}, "unchanged": {"same", "stamped"}},
    "if-newer": {"updated": {"older"}, "unchanged": {"changed", "longer", "newer", "same", "stamped"}},
    "never": {"updated": set(), "unchanged": {"changed", "longer", "newer", "older", "same", "stamped"}},
}


@pytest.mark.parametrize("overwrite", EXPECTED)
@pytest.mark.parametrize("dry_run", [False, True])
def test_overwrite(forge: Forge, out: Path, overwrite: str, dry_run: bool) -> None:
    """Each way to overwrite updates and skips what restic's does; a dry run says the same and does nothing."""
    root = _tree(forge)
    inodes = _old_files(out)
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    if overwrite == "if-newer":
        _write(out / "same", b"same", MOMENT)  # not older: left alone
        before["same"] = (b"same", MOMENT)
    if overwrite == "if-changed":
        # Other content and size as the snapshot's, and its time: whoever trusts stamps is deceived by "stamped".
        _write(out / "changed", before["changed"][0], MOMENT + 7)
        before["changed"] = (before["changed"][0], MOMENT + 7)
    result = bring_back(forge, root, out, overwrite=overwrite, dry_run=dry_run)
    assert result.errors == {}
    expected = EXPECTED[overwrite]
    names = {action: {os.fsdecode(item[1:]) for item in result.actions(action)} for action in ("updated", "unchanged")}
    assert names["updated"] == expected["updated"]
    assert result.actions("restored") == {b"/missing"}
    after = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}
    if dry_run:
        assert after == before
        return
    assert after.pop("missing") == (b"missing", MOMENT)
    contents = {"changed": b"A" * 9000 + b"B" * 9000 + b"C" * 9000, "longer": b"short", "same": b"same"}
    contents |= {"newer": b"snapshot's", "older": b"snapshot's", "stamped": b"right"}
    for name in inodes:
        replaced = os.stat(out / name).st_ino != inodes[name]
        assert replaced == (name in expected["updated"]), "never written in place, and nothing is replaced for nothing"
        if name in expected["updated"] or (name == "same" and overwrite in ("always", "if-changed")):
            assert after[name] == (contents[name], MOMENT)
        else:
            assert after[name][0] == before[name][0]


def test_what_an_older_file_holds_is_taken_over(forge: Forge, out: Path) -> None:
    """Of a large file that differs in one blob, the others are taken over from it: their holes stay holes."""
    zeros = b"\0" * (1 << 20)
    files = Files(forge)
    root = forge.tree(files.node("file", zeros, b"changed", zeros, zeros))
    files.pack()
    with (out / "file").open("wb") as old:
        old.truncate(3 * len(zeros) + len(b"changed"))
    result = bring_back(forge, root, out)
    assert result.actions("updated") == {b"/file"}
    found = os.stat(out / "file")
    assert (out / "file").read_bytes() == zeros + b"changed" + zeros + zeros
    assert found.st_blocks * 512 < 64 << 10


def test_what_lacks_something_passes_for_nothing_else(forge: Forge, out: Path) -> None:
    """A new file of which a blob is lost has neither the snapshot's time, so that the next restore sees it, nor does it
    take the place of what stands at the file's other name."""
    files = Files(forge)
    same = {"links": 2, "inode": 5}
    nodes = [files.node(name, b"first ", b"lost", b" third", **same) for name in ("a", "b")]
    files.waiting = [item for item in files.waiting if item[1] != b"lost"]
    files.pack()
    root = forge.tree(*nodes)
    _write(out / "b", b"old")
    result = bring_back(forge, root, out)
    assert result.errors.keys() == {b"/a", b"/b"}
    assert (out / "b").read_bytes() == b"old"
    assert (out / "a").stat().st_mtime_ns != MOMENT
    forge.pack(("data", b"lost"))
    assert bring_back(forge, root, out, overwrite="if-changed").errors == {}
    assert (out / "a").read_bytes() == (out / "b").read_bytes() == b"first lost third"


def test_other_kinds_in_the_way(forge: Forge, out: Path) -> None:
    """What is there of another kind is replaced, but a folder that is not empty only with ``delete``."""
    files = Files(forge)
    inner = forge.tree(files.node("file", b"inner"))
    root = forge.tree(
        node("dir1", "dir", subtree=inner),
        files.node("file1", b"1"),
        files.node("file2", b"2"),
        files.node("file3", b"3"),
        node("link1", "symlink", linktarget="there"),
    )
    files.pack()
    (out / "dir1").write_bytes(b"a file where a folder belongs")
    (out / "file1").symlink_to("nowhere")
    (out / "file2").mkdir()
    (out / "file3").mkdir()
    (out / "file3" / "precious").write_bytes(b"1")
    os.mkfifo(out / "link1")
    result = bring_back(forge, root, out)
    assert result.errors.keys() == {b"/file3"}
    assert (out / "dir1" / "file").read_bytes() == b"inner"
    assert (out / "file1").read_bytes() == b"1" and not (out / "file1").is_symlink()
    assert (out / "file2").read_bytes() == b"2"
    assert (out / "file3" / "precious").exists()
    assert os.readlink(out / "link1") == "there"
    result = bring_back(forge, root, out, delete=True)
    assert result.errors == {}
    assert (out / "file3").read_bytes() == b"3"


def _folders(forge: Forge) -> str:
    files = Files(forge)
    keep = forge.tree(files.node("keep.txt", b"keep"), files.node("skip.log", b"skip"))
    files.pack()
    return forge.tree(node("docs", "dir", subtree=keep), node("other", "dir", subtree=keep))


def _strangers(out: Path) -> None:
    for folder in (out, out / "docs", out / "other"):
        folder.mkdir(exist_ok=True)
        (folder / "stranger.txt").write_bytes(b"1")
        (folder / "stranger.log").write_bytes(b"1")
        (folder / "strange").mkdir()
        (folder / "strange" / "inner.txt").write_bytes(b"1")


def _left(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if "strange" in str(path))


@pytest.mark.parametrize("dry_run", [True, False])
def test_delete(forge: Forge, out: Path, dry_run: bool) -> None:
    """``delete`` removes what the snapshot does not have, and a dry run only says so; the time of folders is right."""
    root = _folders(forge)
    _strangers(out)
    result = bring_back(forge, root, out, delete=True, dry_run=dry_run)
    assert result.errors == {}
    assert result.summary.files_deleted == len(result.actions("deleted")) == 12
    assert b"/docs/strange" in result.actions("deleted")
    assert (_left(out) == []) is not dry_run
    if not dry_run:
        assert os.stat(out / "docs").st_mtime_ns == MOMENT
        assert sorted(os.listdir(out / "docs")) == ["keep.txt", "skip.log"]


def test_delete_keeps_to_the_patterns(forge: Forge, out: Path) -> None:
    """With patterns only what they select is removed, and only in folders that something was restored to."""
    root = _folders(forge)
    _strangers(out)
    result = bring_back(forge, root, out, delete=True, excludes=("*.log", "/other"))
    assert result.errors == {}
    gone = {"stranger.txt", "strange", "strange/inner.txt"}
    everything = {"strange", "strange/inner.txt", "stranger.log", "stranger.txt"}
    kept = {f"other/{name}" for name in everything} | {"stranger.log", "docs/stranger.log"}
    assert set(_left(out)) == kept
    assert result.summary.files_deleted == 2 * len(gone)
    assert not (out / "docs" / "skip.log").exists()


def test_delete_spares_what_is_not_known(forge: Forge, out: Path) -> None:
    """Where an entry of the folder could not be read, or the folder's list is lost, nothing in it is removed."""
    lost = "ab" * 32
    broken = forge.tree(node("bad", "file", mtime="never"), node("good", "file"))
    root = forge.tree(node("broken", "dir", subtree=broken), node("lost", "dir", subtree=lost))
    for name in ("broken", "lost"):
        (out / name).mkdir()
        (out / name / "bad").write_bytes(b"precious")
    (out / "away").write_bytes(b"1")
    result = bring_back(forge, root, out, delete=True)
    assert result.errors.keys() == {b"/broken/bad", b"/lost"}
    assert (out / "broken" / "bad").read_bytes() == b"precious"
    assert (out / "lost" / "bad").read_bytes() == b"precious"
    assert not (out / "away").exists()


def test_include(forge: Forge, out: Path) -> None:
    """Includes bring what they select, with the folders above it, and not more."""
    result = bring_back(forge, _folders(forge), out, includes=("/docs/*.txt",))
    assert result.errors == {}
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*")) == ["docs", "docs/keep.txt"]
    assert os.stat(out / "docs").st_mtime_ns == MOMENT
    result = bring_back(forge, _folders(forge), out / "nothing", iincludes=("NO SUCH",), delete=True)
    assert result.summary.total_files == 0


def test_options_that_make_no_sense(forge: Forge, out: Path) -> None:
    """What restic refuses to combine is refused before anything is touched."""
    root = _folders(forge)
    with pytest.raises(UsageError, match="mutually exclusive"):
        bring_back(forge, root, out, includes=("a",), iexcludes=("b",))
    with pytest.raises(UsageError, match="include filter"):
        RestoreOptions("/", delete=True).check()
    with pytest.raises(UsageError, match="mutually exclusive"):
        bring_back(forge, root, out, dry_run=True, verify=True)


def test_dry_run_into_nothing(forge: Forge, tmp_path: Path) -> None:
    """A dry run into a target that does not exist says what would be restored and makes nothing."""
    result = bring_back(forge, _folders(forge), tmp_path / "nowhere", dry_run=True)
    assert result.actions("restored") == {
        b"/docs", b"/docs/keep.txt", b"/docs/skip.log", b"/other", b"/other/keep.txt", b"/other/skip.log",
    }  # fmt: skip
    assert not (tmp_path / "nowhere").exists()
