"""The local store's own promises: permissions, leftovers, strays, a repository that vanishes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import resource
import signal
import stat
from typing import TYPE_CHECKING

import pytest

from strongroom.base import errors
from strongroom.base.objects import CONFIG, Kind, ObjectName
from strongroom.storage.contract import GROUP
from strongroom.storage.local.modes import SERVER_GROUP
from strongroom.storage.local.os_errors import store_error
from strongroom.storage.local.store import LocalStore
from strongroom.storage.own.folder import FolderFiles

if TYPE_CHECKING:
    from pathlib import Path

PACK = ObjectName(Kind.DATA, "ab" * 32)


def mode(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[True, False], ids=["anonymous", "named"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> LocalStore:
    """A prepared store, with and without O_TMPFILE."""
    opened = LocalStore(str(tmp_path / "repository"))
    opened._anonymous = request.param
    opened.prepare()
    return opened


def test_layout_and_modes_are_restics(store: LocalStore, tmp_path: Path) -> None:
    """262 folders that only the owner enters, files that nobody writes again."""
    store.create(PACK, b"pack")
    root = tmp_path / "repository"
    assert {path.name for path in root.iterdir() if not path.name.startswith(".")} == {
        "data", "index", "keys", "locks", "snapshots"
    }  # fmt: skip
    assert len(list((root / "data").iterdir())) == 256
    assert mode(root) == mode(root / "data") == mode(root / "data" / "00") == 0o700
    assert mode(root / "data" / "ab" / PACK.name) == 0o400


def test_each_refusal_has_its_hint(tmp_path: Path) -> None:
    """A file system that is mounted for reading is another thing than a folder of somebody else's, who is named where
    the path is known, also of what is not there."""
    owned = store_error(OSError(errno.EACCES, "", str(tmp_path / "absent/file")), "x").hint
    assert owned.startswith(f"{tmp_path} belongs to ")
    assert "and this is user" in owned
    assert store_error(OSError(errno.EROFS, ""), "x").hint == "Mount it for writing."
    assert "permissions" in store_error(OSError(errno.EACCES, ""), "x").hint


@pytest.mark.root
def test_what_root_makes_in_somebodys_repository_is_theirs(store: LocalStore, tmp_path: Path) -> None:
    """Objects and the folders that they need belong to the config's owner: else the server that runs as that user could
    not read them. In root's own repository they are root's."""
    store.create(ObjectName(Kind.INDEX, "1" * 64), b"root's")
    config = tmp_path / "repository" / "config"
    store.create(CONFIG, b"config")
    os.chown(config, 65534, 65534)
    (tmp_path / "repository" / "data" / "ab").rmdir()
    again = LocalStore(store.path)
    again._anonymous = store._anonymous
    again.create(PACK, b"pack")
    made = tmp_path / "repository" / PACK.path
    assert {(one.stat().st_uid, one.stat().st_gid) for one in (made, made.parent)} == {(65534, 65534)}
    assert mode(made) == 0o400 and mode(made.parent) == 0o700
    assert (tmp_path / "repository" / "index" / ("1" * 64)).stat().st_uid == 0


def test_a_group_readable_repository_stays_so(store: LocalStore, tmp_path: Path) -> None:
    """When the group may read the config, it may read what comes after."""
    config = tmp_path / "repository" / "config"
    store.create(CONFIG, b"config")
    config.chmod(0o440)
    again = LocalStore(store.path)
    again.create(PACK, b"pack")
    assert mode(tmp_path / "repository" / PACK.path) == 0o440


def test_a_server_has_modes_of_its_own(tmp_path: Path) -> None:
    """Modes that are given outright win over restic's rule."""
    store = LocalStore(str(tmp_path / "repository"), modes=SERVER_GROUP)
    store.prepare()
    store.create(CONFIG, b"config")
    assert mode(tmp_path / "repository" / "config") == 0o660


def test_shards_are_made_on_demand(store: LocalStore, tmp_path: Path) -> None:
    """A missing shard, or the whole of data, is made when a pack comes."""
    for shard in (tmp_path / "repository" / "data").iterdir():
        shard.rmdir()
    store.create(PACK, b"pack")
    assert store.read_bytes(PACK) == b"pack"


def test_a_vanished_repository_is_not_made_anew(store: LocalStore, tmp_path: Path) -> None:
    """When the repository's folder is gone, writing is refused: the disk under it may be unmounted."""
    (tmp_path / "repository").rename(tmp_path / "elsewhere")
    with pytest.raises(errors.Refused, match="gone"):
        store.create(PACK, b"pack")
    assert not (tmp_path / "repository").exists()


def test_strays_are_not_listed(store: LocalStore, tmp_path: Path) -> None:
    """Names that are no object names, packs in a wrong shard, folders and links are left out."""
    shard = tmp_path / "repository" / "data" / "ab"
    (shard / ".DS_Store").write_bytes(b"x")
    (shard / f"{PACK.name}-tmp-123").write_bytes(b"x")
    (shard / PACK.name.upper()).write_bytes(b"x")
    (shard / ("cd" * 32)).write_bytes(b"x")
    (shard / ("abcd" * 16)).mkdir()
    (shard / ("abce" * 16)).symlink_to("/etc/passwd")
    (tmp_path / "repository" / "data" / "stray").write_bytes(b"x")
    store.create(PACK, b"pack")
    assert [info.name for info in store.list(Kind.DATA)] == [PACK]
    for odd in ("abcd" * 16, "abce" * 16):
        with pytest.raises(errors.Refused):
            store.read_bytes(ObjectName(Kind.DATA, odd))
        with pytest.raises(errors.Refused):
            store.stat(ObjectName(Kind.DATA, odd))


def test_long_lists_come_in_groups(tmp_path: Path) -> None:
    """Groups hold what the list holds, in its order and above a name, strays left out, none empty or too large."""
    store = LocalStore(str(tmp_path))
    store.prepare()
    names = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(2 * GROUP + 10)]
    for name in names:
        (tmp_path / "index" / name).write_bytes(b"1" * (int(name, 16) % 50))
    (tmp_path / "index" / "stray").touch()
    (tmp_path / "index" / ("0" * 64)).symlink_to(names[0])
    names.sort()
    for after, expected in ((None, names), (names[GROUP], names[GROUP + 1 :]), (names[-1], [])):
        groups = list(store.list_groups(Kind.INDEX, after))
        assert all(1 <= len(group) <= GROUP for group in groups)
        rows = [(info.name.name, info.size, info.modified_ns) for info in store.list(Kind.INDEX, after)]
        assert [row for group in groups for row in group] == rows
        assert [(name, size) for name, size, _ in rows] == [(name, int(name, 16) % 50) for name in expected]


def test_leftovers_go_and_neighbours_stay(tmp_path: Path) -> None:
    """The next run removes unfinished files whose writer is gone, and those alone."""
    store = LocalStore(str(tmp_path / "repository"))
    store._anonymous = False
    store.prepare()
    folder = tmp_path / "repository" / ".strongroom" / "tmp"
    neighbour = store.stage(PACK)
    neighbour.write(b"still coming")
    dead = folder / f"upload-{'0' * 32}"
    dead.write_bytes(b"half")
    foreign = folder / "somebody-elses"
    foreign.write_bytes(b"not ours")
    LocalStore(store.path).create(ObjectName(Kind.DATA, "cd" * 32), b"x")
    assert not dead.exists()
    assert foreign.exists()
    neighbour.commit()
    assert store.read_bytes(PACK) == b"still coming"
    assert [path.name for path in folder.iterdir()] == ["somebody-elses"]


def test_an_unfinished_file_is_locked(tmp_path: Path) -> None:
    """Whoever tries the flock of an unfinished file finds it taken."""
    store = LocalStore(str(tmp_path / "repository"))
    store._anonymous = False
    store.prepare()
    with store.stage(PACK):
        (path,) = (tmp_path / "repository" / ".strongroom" / "tmp").iterdir()
        with path.open("rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not path.exists()


def _open_below(folder: str) -> list[str]:
    """What this process has open there. What other threads and other tests hold elsewhere is not counted."""
    found = []
    for one in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the folder's own, or closed meanwhile
            found.append(os.readlink(f"/proc/self/fd/{one}"))
    return sorted(path for path in found if path.startswith(folder))


def test_no_descriptor_leaks(store: LocalStore) -> None:
    """Creates, refusals, aborted uploads and reads leave no descriptor open."""
    before = _open_below(store.path)
    store.create(PACK, b"pack")
    for _ in range(20):
        with pytest.raises(errors.Exists):
            store.create(PACK, b"other")
        with store.stage(PACK) as upload:
            upload.write(b"half")
        with store.read(PACK) as reader:
            reader.read(1)
        with pytest.raises(errors.Damaged):
            store.read(PACK, 0, 99)
        with store.read(PACK) as reader:
            assert _open_below(store.path) != before
    assert _open_below(store.path) == before


def test_a_full_disk_is_full(store: LocalStore) -> None:
    """No space in mid-body is Full, and nothing is left behind."""
    previous = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, previous[1]))  # EFBIG stands for ENOSPC: same path, no root
    try:
        with pytest.raises(errors.Full):
            store.create(PACK, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous)
        signal.signal(signal.SIGXFSZ, handler)
    with pytest.raises(errors.Missing):
        store.stat(PACK)
    unfinished = os.path.join(store.path, ".strongroom", "tmp")
    assert not os.path.exists(unfinished) or not os.listdir(unfinished)


def test_a_folder_that_another_process_makes_meanwhile_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the looks whether a folder of ours is there and whether anything else is, somebody may make it."""

    def made_by_another(path: str) -> bool:
        os.makedirs(path, exist_ok=True)
        return True

    monkeypatch.setattr(os.path, "lexists", made_by_another)
    files = FolderFiles(str(tmp_path / "own"))
    files.write_once("custody/rounds/0000000001", b"a")
    assert files.read("custody/rounds/0000000001") == b"a"
