"""Restoring out of forged repositories: contents, places, links, metadata, damage, stopping."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strongroom.archive.restore.run import RestoreOptions, restore
from strongroom.base.errors import Damaged, Full, Interrupted, Refused, UsageError
from tests.support.forge import Forge, node
from tests.support.restoring import Files, Listener, bring_back, opened

if TYPE_CHECKING:
    from strongroom.base.progress import Status
    from strongroom.storage.contract import Reader


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository without anything in it."""
    return Forge(tmp_path / "repository")


def test_contents_spread_over_packs(forge: Forge, tmp_path: Path) -> None:
    """Files of many blobs, in any order over packs, shared with each other and repeated, come back byte for byte."""
    chance = random.Random(5)
    blobs = [chance.randbytes(chance.randrange(1, 9000)) for _ in range(60)] + [b"\0" * 5000]
    files = Files(forge)
    expected = {f"file{number:03}": chance.choices(blobs, k=chance.randrange(7)) for number in range(300)}
    nodes = [files.node(name, *contents) for name, contents in expected.items()]
    files.waiting = list(dict.fromkeys(files.waiting))
    chance.shuffle(files.waiting)
    waiting = files.waiting
    for start in range(0, len(waiting), 7):
        files.waiting = waiting[start : start + 7]
        files.pack()
    result = bring_back(forge, forge.tree(*nodes), tmp_path / "out", verify=True)
    assert result.errors == {}
    for name, contents in expected.items():
        assert (tmp_path / "out" / name).read_bytes() == b"".join(contents)
    assert result.summary.files_restored == result.summary.total_files == 300
    assert result.last.total_known
    assert result.last.bytes_done == result.summary.total_bytes == sum(len(b"".join(c)) for c in expected.values())


def test_more_files_than_may_be_open(forge: Forge, tmp_path: Path) -> None:
    """Hundreds of files that all await their second blob, and hundreds of folders, are finished."""
    files = Files(forge)
    heads = [b"head %d" % number for number in range(400)]
    tail = b"tail of all"
    folders = [forge.tree(files.node("file", head, tail, head)) for head in heads]
    files.pack()
    root = forge.tree(*(node(f"d{number:03}", "dir", subtree=tree) for number, tree in enumerate(folders)))
    result = bring_back(forge, root, tmp_path / "out")
    assert result.errors == {}
    for number, head in enumerate(heads):
        assert (tmp_path / "out" / f"d{number:03}" / "file").read_bytes() == head + tail + head


def test_sparse(forge: Forge, tmp_path: Path) -> None:
    """With ``sparse`` zeros become holes, inside blobs and at the end, and the content is the same."""
    mib = b"\0" * (1 << 20)
    files = Files(forge)
    root = forge.tree(files.node("file", b"begin" + mib, mib, b"middle" * 1000, mib), files.node("small", mib))
    files.pack()
    bring_back(forge, root, tmp_path / "plain")
    result = bring_back(forge, root, tmp_path / "out", sparse=True, verify=True)
    assert result.errors == {}
    for name in ("file", "small"):
        plain, sparse = (os.stat(tmp_path / place / name) for place in ("plain", "out"))
        assert plain.st_size == sparse.st_size
        assert sparse.st_blocks * 512 < 64 << 10 < plain.st_blocks * 512
    assert (tmp_path / "out" / "file").read_bytes() == (tmp_path / "plain" / "file").read_bytes()


def test_a_damaged_copy_is_made_up_for(forge: Forge, tmp_path: Path) -> None:
    """Where one pack is damaged and another is missing, blobs come out of their other copies."""
    contents = [b"one", b"two", b"three"]
    for _ in range(3):  # three packs with the same blobs; IVs are random, so are the names
        forge.pack(*(("data", content) for content in contents))
    first, second = ((forge.place / "data" / entry["id"][:2] / entry["id"]) for entry in forge.entries[:2])
    first.write_bytes(b"x" * first.stat().st_size)
    second.unlink()
    files = Files(forge)
    root = forge.tree(*(files.node(content.decode(), content) for content in sorted(contents)))
    result = bring_back(forge, root, tmp_path / "out")
    assert result.errors == {}
    assert {path.read_bytes() for path in (tmp_path / "out").iterdir()} == set(contents)


def test_what_is_lost_is_named(forge: Forge, tmp_path: Path) -> None:
    """A file whose blob is gone is named, its other blobs are in place, other files are whole."""
    files = Files(forge)
    whole = files.node("whole", b"all of it")
    files.pack()
    torn = files.node("torn", b"first ", b"second")
    files.waiting.pop(0)
    files.pack()
    nothing = files.node("nothing", b"never stored")
    files.waiting.clear()
    result = bring_back(forge, forge.tree(nothing, torn, whole), tmp_path / "out")
    assert result.errors.keys() == {b"/torn", b"/nothing"}
    assert "is not in the index; try `strongroom repair index`" in result.errors[b"/torn"]
    assert result.summary.errors == 2
    assert (tmp_path / "out" / "whole").read_bytes() == b"all of it"
    assert (tmp_path / "out" / "torn").read_bytes() == b"second"
    assert not (tmp_path / "out" / "nothing").exists()


def test_one_lie_does_not_cost_its_neighbours(forge: Forge, tmp_path: Path) -> None:
    """An index entry beyond the end of its pack costs that blob alone, not those that are read along with it."""
    files = Files(forge)
    nodes = [files.node(f"file{number}", b"content %d" % number) for number in range(5)]
    files.pack()
    forge.entries[0]["blobs"][4]["offset"] += 50
    result = bring_back(forge, forge.tree(*nodes), tmp_path / "out")
    assert result.errors.keys() == {b"/file4"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["file0", "file1", "file2", "file3"]


def test_subfolder(forge: Forge, tmp_path: Path) -> None:
    """``snapshot:subfolder`` restores what is below the folder, its own name and metadata left out."""
    files = Files(forge)
    deep = forge.tree(files.node("file", b"deep"))
    files.pack()
    root = forge.tree(node("a", "dir", subtree=forge.tree(node("b", "dir", subtree=deep))), node("c", "file"))
    result = bring_back(forge, root, tmp_path / "out", subfolder="/a/b/")
    assert result.errors == {}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["file"]
    with pytest.raises(UsageError, match="no such folder"):
        bring_back(forge, root, tmp_path / "other", subfolder="a/x")
    with pytest.raises(UsageError, match="is not a folder"):
        bring_back(forge, root, tmp_path / "other", subfolder="c")


def test_a_wish_to_stop_is_heard(forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the reporter wants to stop, the restore ends with ``Interrupted`` and no thread stays behind."""
    files = Files(forge)
    nodes = [files.node(f"file{number}", os.urandom(20_000)) for number in range(300)]
    files.pack()
    root = forge.tree(*nodes)
    forge.index()
    repository = opened(forge.place)

    class Impatient(Listener):
        def status(self, status: Status) -> None:
            assert status.total_known in (False, True)
            self.stop.set()

    original = repository.open_pack

    def slowly(pack: str, offset: int, length: int) -> Reader:
        time.sleep(0.3)
        return original(pack, offset, length)

    monkeypatch.setattr(repository, "open_pack", slowly)
    with pytest.raises(Interrupted):
        restore(repository, root, RestoreOptions(str(tmp_path / "out")), Impatient())
    repository.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("restore-")]


@pytest.mark.root
def test_a_full_disk_ends_the_run_at_once(forge: Forge, tmp_path: Path) -> None:
    """A full target is one clear error, not one for each of the files that no longer fit."""
    out = tmp_path / "out"
    out.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", out], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("cannot mount here")
    try:
        files = Files(forge)
        nodes = [files.node(f"file{number:02}", os.urandom(100_000)) for number in range(40)]
        files.pack()
        with pytest.raises(Full, match=os.strerror(errno.ENOSPC)) as caught:
            bring_back(forge, forge.tree(*nodes), out)
        assert caught.value.subject == str(out)
    finally:
        subprocess.run(["umount", out], check=True)


def test_a_target_that_is_a_file(forge: Forge, tmp_path: Path) -> None:
    """A target that cannot be used, and a root that cannot be read, are errors of their own."""
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(Refused, match="cannot use"):
        bring_back(forge, forge.tree(), tmp_path / "out")
    with pytest.raises(Damaged, match="is not in the index\nTry `strongroom repair index`"):
        bring_back(forge, "ab" * 32, tmp_path / "other")
