"""Sources, and lists of them: what one command line of ours and of restic's saves is the same."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.archive.backup.glob import glob
from tests.support import peers
from tests.support.command import Result
from tests.support.programs import Program, Restic, Strongroom

pytestmark = pytest.mark.peer("restic")

Both = Callable[..., tuple[Result, Result]]
CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55"


def _listed(program: Program, repository: Path) -> list[str]:
    lines = program.on(repository, "ls", "-q", "latest").expect(0).out.splitlines()
    return [line for line in lines if line.startswith("/")]


@pytest.fixture
def restic(home: Path) -> Restic:
    """The newest alone: it decides, and older ones had other rules."""
    made = Restic(home)
    if made.old:
        pytest.skip(f"{peers.MISSING}restic of 0.19, which needs Go")
    return made


@pytest.fixture
def both(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> Both:
    """Backs up with both, sees that both saved the same under the same exit code, and returns what both said."""
    for program in (strongroom, restic):
        program.init(tmp_path / program.name)

    def run(*arguments: str | bytes, cwd: Path) -> tuple[Result, Result]:
        ours, theirs = (
            program.on(tmp_path / program.name, "backup", "-q", *arguments, cwd=cwd) for program in (strongroom, restic)
        )
        assert ours.code == theirs.code, (arguments, ours.err, theirs.err)
        if ours.code in (0, 3):
            saved = [_listed(program, tmp_path / program.name) for program in (strongroom, restic)]
            assert saved[0] == saved[1], (arguments, ours.err, theirs.err)
        return ours, theirs

    return run


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """``top`` with a cache's tag, ``top/in`` with a file ``b``, ``top/in/deep``, and a link to a folder."""
    place = tmp_path / "tagged"
    (place / "top" / "in" / "deep").mkdir(parents=True)
    (place / "top" / "CACHEDIR.TAG").write_text(CACHE_TAG)
    for name in ("top/a", "top/in/b", "top/in/deep/c"):
        (place / name).write_text(name)
    (place / "top" / "link").symlink_to("in")
    return place


def test_tags_and_sources_within_sources(both: Both, tagged: Path) -> None:
    """A tag counts for a source's own entries, and a source that holds another is saved whole."""
    for folder, arguments in [
        ("top", "--exclude-caches ."),
        (".", "--exclude-caches top top/in"),
        (".", "--exclude-caches top/in/deep top"),
        ("top", "--exclude-caches in a"),
        ("top/in", "--exclude-if-present b ."),
        (".", "--exclude-if-present b top/in top/in/b"),
        (".", "--exclude-if-present b top/in/deep top"),
        ("top/in/deep", "--exclude-if-present c --exclude-if-present b ."),
        (".", "--exclude in top/in/deep top"),
        ("top", "--exclude in --exclude-larger-than 4 . in/b"),
        (".", "top/link/deep top"),
        (".", "top/link top/link/deep"),
        (".", "top top/in/deep/c top/in"),
    ]:
        both(*arguments.split(), cwd=tagged / folder)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """``a`` with a file system, a folder and a file of others mounted below it, and ``b`` on one of its own."""
    place = tmp_path / "mounted"
    for folder in ("a/sub", "a/dd/e", "a/tm", "b"):
        (place / folder).mkdir(parents=True)
    for file in ("a/1", "a/f"):
        (place / file).write_text(file)
    mounts: list[Path] = []

    def mount(where: str, what: str | None = None) -> None:
        source = ["-t", "tmpfs", "none"] if what is None else ["--bind", str(place / what)]
        if subprocess.run(["mount", *source, str(place / where)], check=False, capture_output=True).returncode:
            pytest.skip("cannot mount here")
        mounts.append(place / where)

    try:
        mount("b")
        for folder in ("b/x", "b/y"):
            (place / folder).mkdir()
        for file in ("b/2", "b/x/3"):
            (place / file).write_text(file)
        mount("a/sub", "b")
        mount("a/f", "b/2")
        mount("a/tm")
        for folder in ("a/tm/back", "a/tm/d"):
            (place / folder).mkdir()
        for file in ("a/tm/t", "a/tm/ff"):
            (place / file).write_text(file)
        mount("a/tm/back", "a/dd")
        mount("a/tm/ff", "a/1")
        mount("b/y", "a/dd")
        yield place
    finally:
        for path in reversed(mounts):
            subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.root
def test_each_source_has_its_own_file_system(both: Both, mounted: Path) -> None:
    """``-x``: a mount point is an empty folder, bound files are left out, another source's device is none of ours."""
    for folder, arguments in [
        (".", "a b"),
        (".", "."),
        ("a", "."),
        (".", "a a/tm/d"),
        (".", "a a/tm/d a/sub/x"),
        (".", "a/f a/sub b/y"),
        ("a/tm", ".. ."),
    ]:
        both("-x", *arguments.split(), cwd=mounted / folder)


NAMES = ["a", "ab", "b1", "a1.txt", "b1.txt", "a[1].txt", ".hid", "*s", "é", "é1", "A", "-", "x y", "]", "^a", "a\\b"]
SIGNS = [
    "*",
    "?",
    "[a-c]",
    "[^a]",
    "[!a]",
    "[é]",
    "[^é-z]",
    "[\\]a]",
    "[-a]",
    "[a-",
    "[",
    "]",
    "\\",
    "\\*",
    "\\[",
    "**",
]
PLAIN = ["a", "b", "1", ".txt", ".", "é", "A"]


def _part(chance: random.Random) -> str:
    return "".join(chance.choice([*SIGNS, *PLAIN, *PLAIN]) for _ in range(chance.randrange(1, 4)))


def _pattern(chance: random.Random) -> str:
    """A line for ``--files-from``, now and then a malformed one."""
    parts = [chance.choice([_part(chance), "*", "sub", "s*", "s2/..", ".", ""]) for _ in range(chance.randrange(3))]
    return "/".join([*parts, _part(chance) if chance.random() < 0.9 else chance.choice(NAMES)]).lstrip("/")


def test_generated_patterns_for_lists_of_files(both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hundred patterns in lists, malformed ones each in its own: the same files, warnings and refusals."""
    place = tmp_path / "place"
    folders = ("", "sub", "sub/a", "s2")
    for folder in folders:
        (place / folder).mkdir()
    for folder in folders:
        for name in NAMES:
            if not (place / folder / name).exists():
                (place / folder / name).write_text(name)
    monkeypatch.chdir(place)
    chance = random.Random(9)
    lines = sorted({_pattern(chance) for _ in range(400)} - {"", ".", "..", "./."})
    refused = [line for line in lines if glob(os.fsencode(line)) is None]
    others = [line for line in lines if line not in refused]
    lists = [others[start : start + 40] for start in range(0, len(others), 40)] + [[line] for line in refused[:8]]
    assert len(others) > 150 and len(refused) > 8
    for number, patterns in enumerate(lists):
        (tmp_path / "list").write_text("\n".join(["s2/a", *patterns]))
        ours, theirs = both("--files-from", "../list", cwd=place)
        assert ours.code == (number * 40 >= len(others))
        assert ours.err.count("does not match any files") == theirs.err.count("does not match any files"), patterns


def test_lists_by_other_rules(both: Both, tmp_path: Path) -> None:
    """Lines that stay as they are, names that end with NUL, white space that Unicode knows: as restic has them."""
    (tmp_path / "one").write_text("1")
    (tmp_path / " #two").write_text("2")
    for option, text, code in [
        ("--files-from", b"one\nstale*\n", 0),
        ("--files-from", b"stale\n", 1),
        ("--files-from", b"\xc2\xa0one\xe2\x80\x83\r\n", 0),
        ("--files-from", b"one\x1f\none\n", 0),
        ("--files-from-verbatim", b"one\nstale\n", 3),
        ("--files-from-verbatim", b" #two\r\none\n\n", 0),
        ("--files-from-verbatim", b"one \n", 1),
        ("--files-from-raw", b"one\0 #two\0", 0),
        ("--files-from-raw", b"one\0stale\0", 3),
        ("--files-from-raw", b"one\0 #two", 1),
        ("--files-from-raw", b"one\0\0", 1),
        ("--files-from-raw", b"", 1),
    ]:
        (tmp_path / "list").write_bytes(text)
        ours, _ = both(option, "list", cwd=tmp_path)
        assert ours.code == code, (option, text, ours.err)
