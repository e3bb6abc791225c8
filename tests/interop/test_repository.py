"""Config, keys, locks, indexes and snapshots between ourselves and the other programs, both ways."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import Locked, WrongPassword
from strongroom.base.objects import Kind
from strongroom.format.lock import LockFile
from strongroom.maintenance.unlock import unlock
from strongroom.repository import keyring
from strongroom.repository.opening import initialise, open_repository
from strongroom.repository.selection import SnapshotFilter, find_snapshot, select_snapshots
from strongroom.repository.surroundings import Surroundings
from strongroom.storage.local.store import LocalStore
from tests.support.repositories import PASSWORD, make
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from strongroom.repository.opened import Repository
    from strongroom.storage.contract import Store
    from tests.support.programs import Program, Restic, Rustic

LOCKED = (1, 11)
"""What restic ends with when the repository is locked; 11 is newer."""
WRONG = (1, 12)


@pytest.fixture(params=[1, 2])
def version(request: pytest.FixtureRequest) -> int:
    """Both versions of the format."""
    return int(request.param)


@pytest.fixture
def ours(tmp_path: Path, version: int) -> Repository:
    """A repository of ours, with a key that is cheap to open: programs are started often here."""
    return reopened(make(tmp_path / "ours", version=version))


def reopened(place: Repository | Store, password: bytes = PASSWORD) -> Repository:
    """Opened anew, on the real machine."""
    return open_repository(LocalStore(place.location), password)


def test_others_work_in_a_repository_of_ours(tmp_path: Path, restic: Restic, source: Path, version: int) -> None:
    """restic backs up to a repository that we made, finds nothing wrong with it, and we read what it wrote."""
    ours = initialise(LocalStore(str(tmp_path / "ours")), PASSWORD, version=version)
    restic.backup(ours.location, source, "--tag", "first,second")
    restic.backup(ours.location, source / "..", "--host", "elsewhere", "--exclude", "*")
    restic.check(ours.location)
    config = restic.on(ours.location, "cat", "config").expect(0).json()
    assert config == {"version": version, "id": ours.id, "chunker_polynomial": f"{ours.polynomial:x}"}
    repository = reopened(ours)
    listed = {item["id"]: item for item in restic.snapshots(ours.location)}
    assert dict(repository.snapshots()).keys() == listed.keys()
    for name, snapshot in repository.snapshots():
        theirs = listed[name]
        assert (snapshot.hostname, list(snapshot.paths)) == (theirs["hostname"], theirs["paths"])
        assert snapshot.tree == theirs["tree"]
    assert find_snapshot(repository, "latest").snapshot.hostname == "elsewhere"
    (chosen,) = select_snapshots(repository, filter=SnapshotFilter(tags=(("second", "first"),)))
    assert list(chosen[1].paths) == [str(source)]
    repository.load_index()
    raw = restic.on(ours.location, "cat", "blob", chosen[1].tree).expect(0).stdout
    assert repository.load_blob("tree", chosen[1].tree) == raw
    blobs = {tuple(line.split()[:2]) for line in restic.on(ours.location, "list", "blobs").expect(0).out.splitlines()}
    assert all(repository.locations(kind, blob_id) for kind, blob_id in blobs)
    assert len(repository.index) == len(blobs)


def test_we_open_what_others_made(tmp_path: Path, peer: Program, source: Path) -> None:
    """A repository of restic or rustic opens, its config means the same, and its snapshots and trees are read."""
    place = tmp_path / "theirs"
    peer.init(place)
    peer.backup(place, source)
    repository = open_repository(LocalStore(str(place)), PASSWORD)
    config = peer.on(place, "cat", "config").expect(0).json()
    assert repository.id == config["id"]
    assert repository.polynomial == int(config["chunker_polynomial"], 16)
    assert json.loads(repository.config.encode()) == json.loads(repository.load_unpacked(Kind.CONFIG))
    found = find_snapshot(repository, "latest")
    assert [found.id] == [item["id"] for item in peer.snapshots(place)]
    repository.load_index()
    assert repository.load_tree(found.snapshot.tree).nodes
    repository.refuse_unless_writable_by_backup()


@pytest.mark.peer("rustic")
def test_rustic_works_in_a_repository_of_ours(ours: Repository, rustic: Rustic, source: Path) -> None:
    """rustic backs up to a repository that we made and finds nothing wrong with it."""
    rustic.backup(ours.location, source)
    rustic.check(ours.location)
    assert len(list(reopened(ours).snapshots())) == 1


def test_keys_of_each_open_for_the_other(ours: Repository, restic: Restic, tmp_path: Path) -> None:
    """A key that one program adds opens for the other, is listed by both, and goes for both."""
    added = keyring.add_key(ours, b"by us", hostname="alpha", username="ann")
    listed = restic.on(ours.location, "key", "list", "--json", env={"RESTIC_PASSWORD": "by us"}).expect(0).json()
    assert {(key["userName"], key["hostName"]) for key in listed if key["current"]} == {("ann", "alpha")}
    assert [key.id for key in keyring.list_keys(ours) if key.hostname == "alpha"] == [added]
    (tmp_path / "new").write_text("by them\n")
    restic.on(ours.location, "key", "add", "--new-password-file", tmp_path / "new").expect(0)
    theirs = reopened(ours, b"by them")
    assert (theirs.id, theirs.key.material()[0]) == (ours.id, ours.key.material()[0])
    restic.on(ours.location, "key", "remove", theirs.key_id).expect(0)
    with pytest.raises(WrongPassword):
        reopened(ours, b"by them")
    restic.on(ours.location, "snapshots", env={"RESTIC_PASSWORD": "by nobody"}).expect(*WRONG)


def test_restic_respects_our_locks(ours: Repository, restic: Restic, source: Path) -> None:
    """Beside our shared lock restic backs up but does not prune; beside our exclusive one it does neither."""
    restic.backup(ours.location, source)
    with ours.lock():
        restic.backup(ours.location, source)
        assert restic.on(ours.location, "prune").expect(*LOCKED).err
    with ours.lock(exclusive=True):
        assert "locked exclusively" in restic.on(ours.location, "backup", source).expect(*LOCKED).err
    restic.on(ours.location, "prune").expect(0)


@pytest.fixture
def busy(ours: Repository, restic: Restic) -> Iterator[subprocess.Popen[bytes]]:
    """A restic that is in the middle of a backup and holds its lock."""
    arguments = [str(restic.executable), "-r", ours.location, "backup", "--stdin"]
    with subprocess.Popen(arguments, env=restic.env, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        until(lambda: list(ours.store.list(Kind.LOCK)))
        yield process
        process.kill()


def test_we_respect_locks_of_restic(ours: Repository, busy: subprocess.Popen[bytes]) -> None:
    """Beside restic's backup we may share, not exclude; if it was killed its lock is stale, and unlock removes it."""
    ours.lock().release()
    with pytest.raises(Locked, match=f"PID {busy.pid} "):
        ours.lock(exclusive=True)
    assert unlock(ours) == 0
    busy.kill()
    busy.wait()
    with pytest.raises(Locked, match="strongroom unlock"):
        ours.lock(exclusive=True)
    assert unlock(ours) == 1
    ours.lock(exclusive=True).release()


def test_restic_removes_our_stale_locks(ours: Repository, restic: Restic) -> None:
    """A lock of ours that is forty minutes old is stale for restic's unlock, a young one is not."""
    here = Surroundings()
    for minutes in (40, 1):
        moment = here.clock.now_ns() - minutes * 60 * 10**9
        ours.save_unpacked(Kind.LOCK, LockFile(moment, False, "elsewhere", "ann", 1).encode())
    restic.on(ours.location, "unlock").expect(0)
    assert len(list(ours.store.list(Kind.LOCK))) == 1
