"""Restoring over what is there with the installed command: nothing goes before what replaces it is whole."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support import command, compare
from tests.support.command import Result
from tests.support.privileges import without_overriding
from tests.support.programs import Strongroom
from tests.support.waiting import until

LARGE = 300_000
"""Bytes of a file that has a pack of data nearly for itself."""


def lose_data(repository: Path) -> None:
    """Remove the packs that hold content; those of the trees are small and stay."""
    for pack in list((repository / "data").rglob("*")):
        if pack.is_file() and pack.stat().st_size > LARGE // 3:
            pack.unlink()


def contents(place: Path) -> dict[str, object]:
    """What is in a folder: kinds, contents, targets of links, inodes."""
    found: dict[str, object] = {}
    for path in sorted(place.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
        target = os.readlink(path) if path.is_symlink() else ""
        found[str(path.relative_to(place))] = (stat.S_IFMT(status.st_mode), status.st_ino, content, target)
    return found


KINDS = ("file", "large file", "shared file", "link", "pipe", "empty folder", "full folder")
"""What may stand in the way."""


def _stand(place: Path, kind: str) -> None:
    outside = place.parent.parent / f"outside {place.name}"
    if kind == "file":
        place.write_bytes(b"old")
    elif kind == "large file":
        place.write_bytes(b"old" * LARGE)
    elif kind == "shared file":
        outside.write_bytes(b"old")
        os.link(outside, place)
    elif kind == "link":
        place.symlink_to("nowhere")
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
        if kind == "full folder":
            (place / "precious").write_bytes(b"old")


def _in_the_way(out: Path, source: Path) -> None:
    """A target where the kind that the name says stands in each place, except for folders in the way of folders."""
    out.mkdir()
    for path in source.iterdir():
        what, kind = path.name.split(",")
        if not (what == "folder" and "folder" in kind):
            _stand(out / path.name, kind)


@pytest.fixture
def saved(strongroom: Strongroom, repository: Path, tmp_path: Path) -> Path:
    """A source where each kind of entry is to meet each kind that stands in its way; it is in the repository."""
    source = tmp_path / "src"
    source.mkdir()
    for kind in KINDS:
        (source / f"file,{kind}").write_bytes(os.urandom(LARGE))
        os.link(source / f"file,{kind}", source / f"further name,{kind}")
        (source / f"two,{kind}").write_bytes(os.urandom(6 * LARGE))
        (source / f"symlink,{kind}").symlink_to("file")
        os.mkfifo(source / f"fifo,{kind}")
        folder = source / f"folder,{kind}"
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").write_bytes(os.urandom(LARGE))
        (folder / "link").symlink_to("deep")
    strongroom.init(repository)
    strongroom.backup(repository, source)
    return source


def restored(strongroom: Strongroom, repository: Path, source: Path, target: Path, *options: str) -> Result:
    """Restore what is in ``source`` to a target."""
    return strongroom.on(repository, "restore", f"latest:{source}", "--target", target, *options)


@pytest.mark.parametrize("options", [(), ("--delete",), ("--overwrite", "if-changed", "--sparse")])
def test_what_cannot_be_had_leaves_what_is_there(
    strongroom: Strongroom, repository: Path, saved: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Where a file's bytes are lost, what stands in its place stays as it was and is named; nothing lies beside it. A
    file in the way of a folder stays unless all of the folder can be had, with --delete too."""
    lose_data(repository)
    out = tmp_path / "out"
    _in_the_way(out, saved)
    before = contents(out)
    done = restored(strongroom, repository, saved, out, *options).expect(1)
    assert "Traceback" not in done.err
    after = contents(out)
    kept = {name for name in before if name.split(",")[0] in ("file", "further name", "two", "folder")}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    for name in kept - {"file,full folder/precious", "further name,full folder/precious", "two,full folder/precious"}:
        assert f"error: /{name}: " in done.err, name
    assert not [name for name in after if ".strongroom" in name]


def test_every_kind_gives_way_to_what_is_whole(
    strongroom: Strongroom, repository: Path, saved: Path, tmp_path: Path
) -> None:
    """What stands where something else goes is replaced, a full folder only with --delete; nothing lies beside it."""
    out = tmp_path / "out"
    _in_the_way(out, saved)
    before = contents(out)
    refused = restored(strongroom, repository, saved, out).expect(1)
    assert refused.err.count("Directory not empty") == 5
    after = contents(out)
    assert {name: after[name] for name in before if "full" in name} == {
        name: what for name, what in before.items() if "full" in name
    }
    assert not [name for name in after if ".strongroom" in name]
    restored(strongroom, repository, saved, out, "--delete").expect(0)
    compare.assert_same(saved, out)
    for outside in tmp_path.glob("outside *"):
        assert outside.read_bytes() == b"old"


def test_identical_files_are_left_alone(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """A program that runs, and files that nobody may write, are neither replaced nor touched where they are right."""
    source = tmp_path / "src"
    source.mkdir()
    shutil.copy(shutil.which("sleep") or "/bin/sleep", source / "program")
    (source / "object").write_bytes(b"object")
    os.setxattr(source / "object", "user.mark", b"1")
    (source / "object").chmod(0o444)
    os.link(source / "object", tmp_path / "elsewhere")
    strongroom.init(repository)
    strongroom.backup(repository, source)
    running = subprocess.Popen([source / "program", "600"])
    try:
        before = {path.name: (path.stat().st_ino, path.stat().st_ctime_ns) for path in source.iterdir()}
        restored(strongroom, repository, source, source).expect(0)
        after = {path.name: (path.stat().st_ino, path.stat().st_ctime_ns) for path in source.iterdir()}
        assert after == before
    finally:
        running.kill()
        running.wait()


def _read_only(source: Path) -> None:
    """A tree as version control and package managers leave it: nothing in it may be written."""
    for folder in (source, source / "objects", source / "objects" / "ab", source / "closed"):
        folder.mkdir()
    for number in range(3):
        (source / "objects" / "ab" / f"{number}").write_bytes(b"object %d" % number * 1000)
    (source / "closed" / "file").write_bytes(b"content")
    os.setxattr(source / "closed" / "file", "user.mark", b"1")
    (source / "closed" / "link").symlink_to("file")
    os.mkfifo(source / "closed" / "pipe")
    for path in sorted(source.rglob("*"), reverse=True):
        if not path.is_symlink():
            path.chmod(0o555 if path.is_dir() else 0o444)


def test_an_ordinary_user_restores_over_what_is_read_only(
    strongroom: Strongroom, repository: Path, tmp_path: Path
) -> None:
    """Over read-only files and folders of their own a user restores again, whatever became of them, with the modes of
    the snapshot at the end."""
    source, out = tmp_path / "src", tmp_path / "out"
    _read_only(source)
    strongroom.init(repository)
    strongroom.backup(repository, source)

    def again(*options: str) -> None:
        words = [strongroom.executable, "-r", repository, "restore", f"latest:{source}", "--target", out, *options]
        command.run(without_overriding([str(word) for word in words]), env=strongroom.env).expect(0)
        compare.assert_same(source, out)

    again()
    inodes = {path: path.lstat().st_ino for path in out.rglob("*")}
    again("--verify")
    assert inodes == {path: path.lstat().st_ino for path in out.rglob("*")}
    closed = out / "closed"
    for mode in (0o555, 0o600, 0):
        closed.chmod(0o755)
        (out / "objects" / "ab" / "1").chmod(0o644)
        (out / "objects" / "ab" / "1").write_bytes(b"changed")
        (out / "objects" / "ab" / "1").chmod(0)
        (closed / "file").unlink()
        (closed / "file").write_bytes(b"other")
        (closed / "link").unlink()
        (closed / "stranger").mkdir()
        (closed / "stranger" / "deep").mkdir(mode=0o555)
        (closed / "stranger").chmod(0o555)
        closed.chmod(mode)
        again("--delete", "--verify")


def test_few_open_files_are_enough(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """Where no more than 64 files may be open, folders by the hundred and files of many blobs come back, deep ones too,
    and go again with --delete."""
    source, out = tmp_path / "src", tmp_path / "out"
    for number in range(300):
        (source / f"{number}" / "below").mkdir(parents=True)
        (source / f"{number}" / "below" / "file").write_bytes(b"%d" % number)
    deep = source.joinpath("deep", *("d" for _ in range(120)))
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"deep")
    strongroom.init(repository)
    strongroom.backup(repository, source)

    def limited(folder: Path) -> None:
        words = ("restore", f"latest:{folder}", "--target", out, "--delete")
        few = ["sh", "-c", 'ulimit -n 64; exec "$0" "$@"', strongroom.executable, "-r", repository, *words]
        command.run([str(word) for word in few], env=strongroom.env).expect(0)

    limited(source)
    compare.assert_same(source, out)
    limited(source / "0")
    compare.assert_same(source / "0", out)


def test_the_soft_limit_on_open_files_is_raised(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """A command may open as many files as the hard limit says, as restic may."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    few = ["sh", "-c", 'ulimit -Sn 50; exec "$0" "$@"', strongroom.executable, "-r", repository]
    words = [str(word) for word in [*few, "backup", "--files-from", fifo]]
    with subprocess.Popen(words, env=strongroom.env, stderr=subprocess.DEVNULL) as process:

        def raised() -> bool:
            lines = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
            (line,) = (line for line in lines if line.startswith("Max open files"))
            soft, hard = line.split()[3:5]
            return soft == hard

        try:
            until(raised)
        finally:
            process.kill()


def test_zeros_come_back_as_holes_without_being_read(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """With --sparse a long stretch of zeros is known by its name: it comes back as a hole though the pack that holds it
    is lost, over an older file too."""
    source, out = tmp_path / "src", tmp_path / "out"
    source.mkdir()
    with (source / "holes").open("wb") as file:
        file.truncate(40 << 20)
    strongroom.init(repository)
    strongroom.backup(repository, source)
    codes = []
    for pack in [path for path in (repository / "data").rglob("*") if path.is_file()]:
        pack.rename(tmp_path / "away")
        out.mkdir()
        (out / "holes").write_bytes(b"old" * LARGE)
        codes.append(restored(strongroom, repository, source, out, "--sparse").code)
        if codes[-1] == 0:
            compare.assert_same(source, out)
            assert (out / "holes").stat().st_blocks * 512 < 64 << 10
        shutil.rmtree(out)
        (tmp_path / "away").rename(pack)
    assert sorted(codes) == [0, 1], "the pack of the tree is needed, that of the zeros is not"


def test_a_dump_replaces_a_file_only_by_what_is_whole(strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """With --target a file that is there is replaced, through a link too, with its mode; if bytes are lost it stays."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "file").write_bytes(os.urandom(LARGE))
    strongroom.init(repository)
    strongroom.backup(repository, source)
    place = tmp_path / "place"
    place.mkdir()
    (place / "there").write_bytes(b"old" * LARGE)
    (place / "there").chmod(0o640)
    (place / "link").symlink_to("there")
    dump = ("dump", "--target", place / "link", "latest")
    strongroom.on(repository, *dump, source / "file").expect(0)
    assert (place / "there").read_bytes() == (source / "file").read_bytes()
    assert stat.S_IMODE((place / "there").stat().st_mode) == 0o640
    before = contents(place)
    lose_data(repository)
    for what in (source / "file", source):
        lost = strongroom.on(repository, *dump, what).expect(1)
        assert "Traceback" not in lost.err
        assert contents(place) == before
