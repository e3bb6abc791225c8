"""What users of other programs reported as lost or misleading; `docs/tried.md` names the threads."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.programs import Strongroom
from tests.support.servers.rest_server import RestServer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A source with one file."""
    made = tmp_path / "folder"
    made.mkdir()
    (made / "file").write_text("one")
    return made


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory, which takes attributes of any size."""
    place = tmp_path / "memory"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.root
def test_a_tar_holds_files_with_attributes_of_any_size(
    strongroom: Strongroom, repository: Path, in_memory: Path
) -> None:
    """A file with megabytes of attributes takes neither itself nor those behind it out of the archive."""
    for name in ("large", "next"):
        (in_memory / name).write_text(name)
    values = {f"trusted.a{number}": os.urandom(60_000) for number in range(30)}
    for name, value in values.items():
        os.setxattr(in_memory / "large", name, value)
    strongroom.init(repository)
    strongroom.backup(repository, in_memory)
    archive = repository.parent / "archive.tar"
    strongroom.on(repository, "dump", "-a", "tar", "--target", archive, "latest", in_memory).expect(0)
    with tarfile.open(archive) as opened:
        assert {Path(member.name).name for member in opened if member.isfile()} == {"large", "next"}


@pytest.mark.root
def test_a_repository_that_cannot_be_written_is_read_without_a_lock(
    strongroom: Strongroom, repository: Path, tmp_path: Path, folder: Path
) -> None:
    """On a read-only file system a verb fails at once and names the option with which it works."""
    strongroom.init(repository)
    strongroom.backup(repository, folder)
    subprocess.run(["mount", "--bind", repository, repository], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", repository], check=True)
        assert "--no-lock" in strongroom.on(repository, "snapshots", seconds=60).expect(1).err
        strongroom.on(repository, "--no-lock", "restore", "latest", "--target", tmp_path / "out").expect(0)
    finally:
        subprocess.run(["umount", repository], check=True)
    assert (tmp_path / "out" / folder.relative_to("/") / "file").read_text() == "one"


def test_rules_for_other_programs_leave_nothing_out(strongroom: Strongroom, repository: Path, folder: Path) -> None:
    """A file that tells git or another program what to ignore means nothing to a backup."""
    for name in (".gitignore", ".kopiaignore", ".resticignore", ".ignore"):
        (folder / name).write_text("*\n")
    strongroom.init(repository)
    strongroom.backup(repository, folder)
    assert f"{folder}/file" in strongroom.on(repository, "ls", "latest").expect(0).out.splitlines()


def test_new_content_under_old_times_is_saved(strongroom: Strongroom, repository: Path, folder: Path) -> None:
    """A file of the same size whose modification time was set back is read again."""
    file = folder / "file"
    strongroom.init(repository)
    os.utime(file, (1_600_000_000, 1_600_000_000))
    strongroom.backup(repository, folder)
    file.write_text("two")
    os.utime(file, (1_600_000_000, 1_600_000_000))
    strongroom.backup(repository, folder)
    assert strongroom.on(repository, "dump", "latest", file).expect(0).out == "two"


def test_hard_links_come_back_over_themselves(
    strongroom: Strongroom, repository: Path, tmp_path: Path, folder: Path
) -> None:
    """A second restore over linked files succeeds, and they are still one file."""
    os.link(folder / "file", folder / "other")
    strongroom.init(repository)
    strongroom.backup(repository, folder)
    out = tmp_path / "out"
    words = ("restore", f"latest:{folder}", "--target", out, "--include", "/file", "--include", "/other")
    for _ in range(2):
        strongroom.on(repository, *words).expect(0)
    assert (out / "file").samefile(out / "other")


def test_folders_above_a_single_file_have_their_own_modes(
    strongroom: Strongroom, repository: Path, tmp_path: Path, folder: Path
) -> None:
    """With --include of one file the folders that are made for it get the snapshot's mode and time."""
    deep = folder / "above" / "in"
    deep.mkdir(parents=True)
    (deep / "wanted").write_text("wanted")
    for place in (deep, deep.parent):
        place.chmod(0o2751)
        os.utime(place, (1_000_000_000, 1_000_000_000))
    strongroom.init(repository)
    strongroom.backup(repository, folder)
    out = tmp_path / "out"
    strongroom.on(repository, "restore", f"latest:{folder}", "--target", out, "--include", "wanted").expect(0)
    for place in (out / "above" / "in", out / "above"):
        found = place.stat()
        assert (found.st_mode & 0o7777, found.st_mtime) == (0o2751, 1_000_000_000)


def test_an_emptied_pack_is_found_and_costs_its_file_alone(
    strongroom: Strongroom, repository: Path, tmp_path: Path, folder: Path
) -> None:
    """After a crash of the disk below a pack of no bytes is an error of check and of restore, never a success."""
    strongroom.init(repository)
    (folder / "large").write_bytes(os.urandom(1_000_000))
    strongroom.backup(repository, folder)
    (folder / "later").write_bytes(os.urandom(1_000_000))
    before = set((repository / "data").rglob("*"))
    strongroom.backup(repository, folder)
    pack = max(set((repository / "data").rglob("*")) - before, key=lambda path: path.stat().st_size)
    pack.chmod(0o600)
    pack.write_bytes(b"")
    assert pack.name in strongroom.on(repository, "check").expect(1).err
    out = tmp_path / "out"
    failed = strongroom.on(repository, "restore", f"latest:{folder}", "--target", out).expect(1)
    assert "/later" in failed.err
    assert "/large" not in failed.err
    assert (out / "large").read_bytes() == (folder / "large").read_bytes()


def test_times_beyond_those_of_today(strongroom: Strongroom, repository: Path, tmp_path: Path, folder: Path) -> None:
    """Files dated before 1970 and long after 2038 are saved, unchanged the next time, and come back so."""
    times = {"old": -2_000_000_000, "new": 9_000_000_000}
    for name, seconds in times.items():
        (folder / name).write_text(name)
        os.utime(folder / name, (seconds, seconds))
    strongroom.init(repository)
    strongroom.backup(repository, folder)
    assert "3 unmodified" in strongroom.backup(repository, folder).out
    strongroom.on(repository, "restore", f"latest:{folder}", "--target", tmp_path / "out").expect(0)
    assert {name: (tmp_path / "out" / name).stat().st_mtime for name in times} == times


def test_a_password_that_is_half_changed_is_said_so(strongroom: Strongroom, tmp_path: Path) -> None:
    """Where the old key cannot go, both passwords open the repository, and the error says it."""
    (tmp_path / "new").write_text("another")
    with RestServer() as server:
        place = f"rest:{server.url}"
        strongroom.init(place)
        server.append_only = True
        failed = strongroom.on(place, "key", "passwd", "--new-password-file", tmp_path / "new").expect(1)
        assert "the old password opens the repository as well as the new one" in failed.err
        assert "strongroom key remove" in failed.err
        for words in ((), ("--password-file", tmp_path / "new")):
            strongroom.on(place, "key", "list", *words).expect(0)


def test_verify_reads_what_a_restore_passed_over(strongroom: Strongroom, repository: Path, folder: Path) -> None:
    """A file whose size and time are the snapshot's is left as it is where that was asked; if its bytes are others,
    that is said, and a restore without that option puts it right."""
    strongroom.init(repository)
    strongroom.backup(repository, folder)
    file = folder / "file"
    kept = file.stat().st_mtime_ns
    file.write_text("two")
    os.utime(file, ns=(kept, kept))
    words = ("restore", f"latest:{folder}", "--target", folder)
    said = strongroom.on(repository, *words, "--overwrite", "if-changed", "--verify").expect(1).err
    assert "/file: verification failed" in said
    assert file.read_text() == "two"
    strongroom.on(repository, *words, "--verify").expect(0)
    assert file.read_text() == "one"
