"""What a restore brings back beside bytes: modes, times, links, owners, attributes, by root and by ordinary users."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from strongroom.archive.restore.run import RestoreOptions, restore
from tests.support.forge import Forge, node
from tests.support.restoring import Files, Listener, bring_back, opened

if TYPE_CHECKING:
    pass


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository without anything in it."""
    return Forge(tmp_path / "repository")


def test_modes_and_times(forge: Forge, tmp_path: Path) -> None:
    """Modes whatever the umask, nanoseconds, years before 1970 and after 2038, on files, folders and links."""
    moments = {"2001-02-03T04:05:06.123456789Z": 981173106123456789, "2150-01-01T00:00:00.5Z": 5680281600500000000}
    moments["1960-06-01T00:00:00.25+01:00"] = -302490000 * 10**9 + 250_000_000
    empty = forge.tree()
    nodes = []
    for number, text in enumerate(moments):
        times = {"mtime": text, "atime": text}
        nodes.append(node(f"dir{number}", "dir", subtree=empty, mode=0o2517 | 1 << 31, **times))
        nodes.append(node(f"file{number}", "file", mode=0o467, **times))
        nodes.append(node(f"link{number}", "symlink", linktarget="x", **times))
    old = os.umask(0o077)
    try:
        result = bring_back(forge, forge.tree(*sorted(nodes, key=lambda node: node["name"])), tmp_path / "out")
    finally:
        os.umask(old)
    assert result.errors == {}
    for number, moment in enumerate(moments.values()):
        for kind in ("dir", "file", "link"):
            found = os.lstat(tmp_path / "out" / f"{kind}{number}")
            assert found.st_mtime_ns == moment
            if kind != "link":
                assert stat.S_IMODE(found.st_mode) == (0o517 if kind == "dir" else 0o467)


def test_a_read_only_folder_is_filled(forge: Forge, tmp_path: Path) -> None:
    """A folder that its owner may not write to gets its contents before its mode, and keeps its time."""
    files = Files(forge)
    inner = forge.tree(files.node("file", b"content"))
    files.pack()
    root = forge.tree(node("closed", "dir", subtree=inner, mode=0o555 | 1 << 31))
    result = bring_back(forge, root, tmp_path / "out")
    assert result.errors == {}
    assert (tmp_path / "out" / "closed" / "file").read_bytes() == b"content"
    assert os.lstat(tmp_path / "out" / "closed").st_mtime_ns == 1704067200 * 10**9


def test_hard_links(forge: Forge, tmp_path: Path) -> None:
    """Names of one inode are one file again, across folders; the same inode on another device is another file."""
    files = Files(forge)
    same = {"links": 3, "inode": 77, "device_id": 1}
    other = forge.tree(files.node("third", b"shared", **same))
    root = forge.tree(
        files.node("first", b"shared", **same),
        node("folder", "dir", subtree=other),
        files.node("second", b"shared", **same),
        files.node("stranger", b"shared", links=3, inode=77, device_id=2),
    )
    files.pack()
    out = tmp_path / "out"
    for _ in range(2):  # the second time everything is there
        result = bring_back(forge, root, out)
        assert result.errors == {}
        inodes = {name: os.lstat(out / name).st_ino for name in ("first", "second", "folder/third", "stranger")}
        assert len({inodes[name] for name in ("first", "second", "folder/third")}) == 1
        assert inodes["stranger"] != inodes["first"]
        assert os.lstat(out / "first").st_nlink == 3
        assert os.lstat(out / "folder").st_mtime_ns == 1704067200 * 10**9


def test_safe_leaves_out_and_says_so(forge: Forge, tmp_path: Path) -> None:
    """``safe`` leaves out set-user-ID bits, devices and security attributes, and names what it left out."""
    files = Files(forge)
    security = [{"name": "security.capability", "value": "AQAAAgAgAAAAAAAAAAAAAAAAAAA="}]
    plain = [{"name": "user.plain", "value": "dmFsdWU="}]
    root = forge.tree(
        files.node("capable", b"1", extended_attributes=[*security, *plain]),
        node("device", "chardev", device=0x103, mode=0o666 | 1 << 26 | 1 << 21),
        node("disk", "dev", device=0x700, mode=0o660 | 1 << 26),
        files.node("setuid", b"2", mode=0o755 | 1 << 23),
    )
    files.pack()
    result = bring_back(forge, root, tmp_path / "out", safe=True)
    assert result.errors == {}
    out = tmp_path / "out"
    assert sorted(path.name for path in out.iterdir()) == ["capable", "setuid"]
    assert os.listxattr(out / "capable") == ["user.plain"]
    assert stat.S_IMODE((out / "setuid").stat().st_mode) == 0o755
    assert result.summary.left_out == [
        "devices: /device, /disk",
        "security attributes: /capable",
        "set-user-ID and set-group-ID bits: /setuid",
    ]


@pytest.mark.root
def test_root_restores_faithfully(forge: Forge, tmp_path: Path) -> None:
    """Root brings back owners with set-user-ID bits, capabilities, attributes of links, and devices."""
    files = Files(forge)
    security = [{"name": "security.capability", "value": "AQAAAgAgAAAAAAAAAAAAAAAAAAA="}]
    trusted = [{"name": "trusted.mark", "value": "bGluaw=="}]
    root = forge.tree(
        node("block", "dev", device=0x703, mode=0o640 | 1 << 26, uid=5, gid=6),
        files.node("capable", b"1", extended_attributes=security, uid=7, gid=8, mode=0o750),
        node("link", "symlink", linktarget="x", uid=9, gid=10, extended_attributes=trusted),
        files.node("setuid", b"2", mode=0o755 | 1 << 23 | 1 << 22, uid=1000, gid=1000),
    )
    files.pack()
    out = tmp_path / "out"
    result = bring_back(forge, root, out)
    assert result.errors == {}
    block, capable, link, setuid = (os.lstat(out / name) for name in ("block", "capable", "link", "setuid"))
    assert (block.st_rdev, block.st_mode, block.st_uid, block.st_gid) == (0x703, 0o060640, 5, 6)
    assert (capable.st_uid, capable.st_gid, stat.S_IMODE(capable.st_mode)) == (7, 8, 0o750)
    assert os.listxattr(out / "capable") == ["security.capability"]
    assert (link.st_uid, link.st_gid) == (9, 10)
    assert os.getxattr(out / "link", "trusted.mark", follow_symlinks=False) == b"link"
    assert (stat.S_IMODE(setuid.st_mode), setuid.st_uid, setuid.st_gid) == (0o6755, 1000, 1000)


@pytest.mark.root
def test_an_ordinary_user_restores_what_they_may() -> None:
    """Without root owners stay the user's, silently; attributes that only root may set are counted, devices fail."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        os.chown(folder, 65534, 65534)
        forge = Forge(Path(folder, "repository"))
        files = Files(forge)
        security = [{"name": "security.capability", "value": "AQAAAgAgAAAAAAAAAAAAAAAAAAA="}]
        root = forge.tree(
            node("device", "chardev", device=0x103, mode=0o666 | 1 << 26 | 1 << 21),
            files.node("file", b"1", uid=0, gid=0, mode=0o640, extended_attributes=security),
            node("link", "symlink", linktarget="x", uid=0, gid=0),
        )
        files.pack()
        forge.index()
        for path in forge.place.rglob("*"):
            os.chown(path, 65534, 65534)
        repository = opened(forge.place)
        child = os.fork()
        if child == 0:
            said = "nothing"
            try:
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
                listener = Listener()
                summary = restore(repository, root, RestoreOptions(f"{folder}/out"), listener)
                said = repr((sorted(listener.errors), summary.left_out))
            except BaseException as problem:
                said = repr(problem)
            finally:
                with open(f"{folder}/said", "w") as out:
                    out.write(said)
                os._exit(0)
        os.waitpid(child, 0)
        said = Path(folder, "said").read_text()
        assert said == "([b'/device'], ['attributes that only root may set: /file'])"
        found = os.stat(f"{folder}/out/file")
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (65534, 0o640)


def test_attributes_and_access_lists(forge: Forge, tmp_path: Path) -> None:
    """Attributes come back with odd values; those of an older file that the snapshot does not have are removed."""
    files = Files(forge)
    attributes = [{"name": "user.empty", "value": ""}, {"name": "user.binary", "value": "AP8K"}]
    root = forge.tree(files.node("file", b"1", extended_attributes=attributes))
    files.pack()
    out = tmp_path / "out"
    out.mkdir()
    (out / "file").write_bytes(b"1")
    os.setxattr(out / "file", "user.old", b"old")
    result = bring_back(forge, root, out)
    assert result.errors == {}
    names = sorted(os.listxattr(out / "file"))
    assert {name: os.getxattr(out / "file", name) for name in names} == {"user.binary": b"\0\xff\n", "user.empty": b""}
