"""Where a repository stands: one place by two spellings, two disks at one place, file systems that lack links."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.programs import Strongroom
from tests.support.servers.rest_server import RestServer


def test_one_repository_by_two_spellings_is_refused(strongroom: Strongroom, tmp_path: Path) -> None:
    """A detour, a link, an absolute path: nothing is saved, as for equal spellings."""
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to("a")
    strongroom.init(tmp_path / "a")
    for other in ("x/../a", "link", f"local:{tmp_path}/a"):
        ended = strongroom.run("-r", "a", "-r", other, "backup", source, cwd=tmp_path).expect(1)
        assert "the same repository is given twice, as a and as" in ended.err
    assert strongroom.snapshots(tmp_path / "a") == []


def test_one_server_by_two_spellings_or_names_is_refused(strongroom: Strongroom, tmp_path: Path) -> None:
    """A slash and credentials are spelling; another name of the same host is found out by our own lock."""
    source = tmp_path / "source"
    source.mkdir()
    with RestServer() as server:
        first = f"rest:http://127.0.0.1:{server.port}/repo/"
        strongroom.init(first)
        other = f"rest:http://ann:x@127.0.0.1:{server.port}/repo"
        ended = strongroom.run("-r", first, "-r", other, "backup", source).expect(1)
        assert "given twice" in ended.err
        assert ":x@" not in ended.err
        assert not [key for key in server.objects if "snapshots/" in key]
        other = f"rest:http://localhost:{server.port}/repo/"
        ended = strongroom.run("-r", first, "-r", other, "backup", source).expect(1, 71)
        assert "given twice" in ended.err
        assert len([key for key in server.objects if "snapshots/" in key]) < 2
        assert not [key for key in server.objects if "locks/" in key]


def test_copies_in_two_places_are_two_repositories(strongroom: Strongroom, tmp_path: Path) -> None:
    """A copy has the same ID and is another place all the same: each gets its snapshot."""
    source = tmp_path / "source"
    source.mkdir()
    strongroom.init(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    strongroom.run("-r", tmp_path / "a", "-r", tmp_path / "b", "backup", source).expect(0)
    assert [len(strongroom.snapshots(tmp_path / name)) for name in "ab"] == [1, 1]


def test_two_disks_take_turns_at_one_place(strongroom: Strongroom, tmp_path: Path) -> None:
    """Reading is never refused; writing to the new one is, until it is accepted once; then both are known."""
    source = tmp_path / "source"
    source.mkdir()
    place = tmp_path / "mount"
    for disk in ("one", "two"):
        strongroom.init(tmp_path / disk)
    (tmp_path / "one").rename(place)
    strongroom.backup(place, source)
    place.rename(tmp_path / "one")
    (tmp_path / "two").rename(place)
    assert strongroom.snapshots(place) == []
    strongroom.check(place)
    refused = strongroom.on(place, "backup", source).expect(1)
    assert "--accept-repository" in refused.err
    strongroom.on(place, "key", "add", "--new-insecure-no-password").expect(1)
    assert strongroom.snapshots(place) == []
    strongroom.backup(place, source, env={"STRONGROOM_ACCEPT_REPOSITORY": "1"})
    strongroom.backup(place, source)
    place.rename(tmp_path / "two")
    gone = strongroom.on(place, "snapshots").expect(10)
    assert "disk mounted" in gone.err
    strongroom.on(place, "init").expect(1)
    (tmp_path / "one").rename(place)
    strongroom.backup(place, source)
    assert len(strongroom.snapshots(place)) == 2


def test_a_copy_goes_to_another_disk_once_it_is_accepted(strongroom: Strongroom, tmp_path: Path) -> None:
    """`copy` refuses a repository that this machine does not know, and takes it with the option that it names."""
    (tmp_path / "source").mkdir()
    place = tmp_path / "mount"
    for disk in ("from", "mount", "two"):
        strongroom.init(tmp_path / disk)
    strongroom.backup(tmp_path / "from", tmp_path / "source")
    words = ("copy", "--from-repo", tmp_path / "from")
    strongroom.on(place, *words).expect(0)
    place.rename(tmp_path / "one")
    (tmp_path / "two").rename(place)
    assert "--accept-repository" in strongroom.on(place, *words).expect(1).err
    assert strongroom.snapshots(place) == []
    strongroom.on(place, *words, "--accept-repository").expect(0)
    assert len(strongroom.snapshots(place)) == 1


def test_a_person_is_asked_whether_another_repository_is_meant(strongroom: Strongroom, tmp_path: Path) -> None:
    """At a terminal writing to a repository that this machine does not know asks; `y` is remembered, all else is no."""
    source, place = tmp_path / "source", tmp_path / "mount"
    source.mkdir()
    for disk in ("one", "two"):
        strongroom.init(tmp_path / disk)
    (tmp_path / "one").rename(place)
    strongroom.backup(place, source)
    place.rename(tmp_path / "one")
    (tmp_path / "two").rename(place)

    def answered(text: bytes) -> subprocess.CompletedProcess[bytes]:
        ours, terminal = pty.openpty()
        try:
            os.write(ours, text)
            words = [str(word) for word in (strongroom.executable, "-r", place, "backup", source)]
            return subprocess.run(words, env=strongroom.env, stdin=terminal, capture_output=True, check=False)
        finally:
            os.close(ours)
            os.close(terminal)

    for no in (b"n\n", b"\n", b"yes please\n"):
        refused = answered(no)
        assert (refused.returncode, strongroom.snapshots(place)) == (1, [])
        assert b"[y/N]" in refused.stderr
    accepted = answered(b"y\n")
    assert accepted.returncode == 0 and b"[y/N]" in accepted.stderr
    strongroom.backup(place, source)  # by nobody at all
    assert len(strongroom.snapshots(place)) == 2


@pytest.mark.root
@pytest.mark.parametrize("code", ["EIO", "EPERM", "ENOSYS", "EOPNOTSUPP", "EMLINK"])
def test_a_file_system_without_links_and_locks_takes_a_repository(
    strongroom: Strongroom, tmp_path: Path, code: str
) -> None:
    """Whichever way it says so: init, backup and check work, and nothing half-finished is left."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(1000))
    refuse = [strace, "-f", "-o", os.devnull, "-e", f"inject=link,linkat,renameat2,flock:error={code}"]
    for words in (["init"], ["backup", source]):
        command = [*refuse, strongroom.executable, "-r", tmp_path / "r", *words]
        ended = subprocess.run(command, env=strongroom.env, capture_output=True, timeout=600, check=False)
        assert (ended.returncode, ended.stderr) == (0, b""), ended.stderr
    strongroom.check(tmp_path / "r")
    assert list((tmp_path / "r" / ".strongroom" / "tmp").iterdir()) == []


def test_a_damaged_lock_is_spoken_of_and_unlock_does_not_call_it_done(strongroom: Strongroom, tmp_path: Path) -> None:
    """The wait for it is announced; `unlock` ends with 11 while it is young, and removes it when it is old."""
    place = tmp_path / "r"
    strongroom.init(place)
    lock = place / "locks" / ("ab" * 32)
    lock.write_bytes(b"junk")
    waited = strongroom.on(place, "snapshots").expect(0)
    assert "abababab is damaged, or half-written: looking again" in waited.err
    left = strongroom.on(place, "unlock").expect(11)
    assert "--remove-all" in left.err
    os.utime(lock, (1, 1))
    strongroom.on(place, "unlock").expect(0)
    assert not lock.exists()


def test_a_broken_state_file_is_spoken_of_once(strongroom: Strongroom, tmp_path: Path) -> None:
    """One warning, in words, and the backup goes on."""
    source = tmp_path / "source"
    source.mkdir()
    strongroom.init(tmp_path / "r")
    (state,) = Path(strongroom.home).rglob("state*/**/" + "[0-9a-f]" * 64 + ".json")
    state.write_text('{"version": 1}')
    ended = strongroom.backup(tmp_path / "r", source)
    assert ended.err.count("ignoring the state") == 1
    assert "it is not what was written there" in ended.err
