"""What our verbs print of a repository is what restic prints of it.

The newest decides. Debian's 0.14 differs so: ``snapshots`` has no line on local time, ``key list --json`` short IDs,
``find`` goes from the oldest snapshot on and leaves out ``inode``, ``stats`` ends a size of bytes without a blank.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import trees
from tests.support.programs import DebianRestic, Restic, Strongroom

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command import Result

pytestmark = pytest.mark.peer("restic")


LOCAL = "Timestamps shown in local time"


@pytest.fixture(scope="module", params=[Restic, DebianRestic], ids=lambda kind: kind.name)
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Strongroom, Restic]:
    """Both programs with one home: opening is slow by design, so this file shares one repository to read."""
    home = tmp_path_factory.mktemp("home")
    return Strongroom(home), request.param(home)


@pytest.fixture(scope="module")
def written(programs: tuple[Strongroom, Restic], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of restic's with two snapshots."""
    repository, restic = tmp_path_factory.mktemp("written") / "repository", programs[1]
    source = trees.ordinary(tmp_path_factory.mktemp("source") / "source")
    (source / "link").symlink_to("nowhere")
    restic.init(repository)
    restic.backup(repository, source, "--tag", "a,b", "--host", "one", "--exclude", "file1*")
    (source / "added").write_text("more")
    restic.backup(repository, source, "--host", "two")
    return repository


def _both(programs: tuple[Strongroom, Restic], repository: Path, *words: str) -> tuple[Result, Result]:
    strongroom, restic = programs
    return strongroom.on(repository, *words).expect(0), restic.on(repository, *words).expect(0)


@pytest.mark.parametrize(
    "words",
    [
        ("snapshots",),
        ("snapshots", "--compact"),
        ("snapshots", "latest"),
        ("snapshots", "--host", "one"),
        ("snapshots", "--tag", "b"),
        ("snapshots", "--latest", "1", "--group-by", "host"),
        ("snapshots", "--json"),
        ("snapshots", "--json", "-g", "tags"),
        ("cat", "config"),
        ("cat", "masterkey"),
        ("key", "list"),
        ("key", "list", "--json"),
        ("list", "snapshots"),
        ("list", "index"),
        ("list", "packs"),
        ("list", "keys"),
        ("stats", "--json"),
        ("stats", "--mode", "files-by-contents", "--json"),
        ("stats", "--mode", "blobs-per-file", "--json"),
    ],
    ids=" ".join,
)
def test_a_verb_prints_the_same(programs: tuple[Strongroom, Restic], written: Path, words: tuple[str, ...]) -> None:
    """Byte for byte where restic's order is one; groups come in restic's random order and are compared as sets."""
    ours, theirs = _both(programs, written, *words)
    if programs[1].old and words == ("key", "list", "--json"):
        assert [key | {"id": key["id"][:8]} for key in ours.json()] == theirs.json()
    elif programs[1].old and words[0] == "snapshots" and "--json" not in words:
        shown = [line for line in ours.out.splitlines() if line != LOCAL]
        assert sorted(shown) == sorted(theirs.out.splitlines())
    elif "stats" in words:
        assert ours.json() == theirs.json()
    elif "--json" in words:
        assert _sorted(ours.json()) == _sorted(theirs.json())
    elif "--group-by" in words or words[0] == "list":
        assert sorted(ours.out.splitlines()) == sorted(theirs.out.splitlines())
    else:
        assert ours.out == theirs.out


def _sorted(value: Any) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in value)


def test_objects_are_printed_as_they_are(programs: tuple[Strongroom, Restic], written: Path) -> None:
    """cat prints snapshots, indexes, keys, packs and blobs as restic does, also by a shortened ID."""
    strongroom, restic = programs
    for kind, plural in (("snapshot", "snapshots"), ("index", "index"), ("key", "keys"), ("pack", "packs")):
        name = restic.on(written, "list", plural).expect(0).out.split()[0]
        ours, theirs = _both(programs, written, "cat", kind, name)
        assert ours.stdout.rstrip() == theirs.stdout.rstrip()
        assert strongroom.on(written, "cat", kind, name[:12]).expect(0).stdout == ours.stdout
    name = strongroom.on(written, "list", "blobs").expect(0).out.split()[1]
    ours, theirs = _both(programs, written, "cat", "blob", name)
    assert ours.stdout == theirs.stdout


@pytest.mark.parametrize("words", [("-l",), ("/",), ("--json",)], ids=" ".join)
def test_ls_lists_the_same(programs: tuple[Strongroom, Restic], written: Path, words: tuple[str, ...]) -> None:
    """Each line below the heading is restic's; each JSON object has restic's keys with restic's values."""
    ours, theirs = _both(programs, written, "ls", "latest", *words)
    if "--json" not in words:
        assert ours.out.splitlines()[1:] == theirs.out.splitlines()[1:]
        return
    assert len(ours.lines()) == len(theirs.lines())
    for mine, his in zip(ours.lines(), theirs.lines(), strict=True):
        assert his.items() <= mine.items() or his | {"size": 0} == mine | {"size": 0}


@pytest.mark.parametrize("words", [("added",), ("*ile2",), ("-l", "file2"), ("-i", "FILE2", "LINK")], ids=" ".join)
def test_find_finds_the_same(programs: tuple[Strongroom, Restic], written: Path, words: tuple[str, ...]) -> None:
    """The same matches in the same snapshots, whatever the order of the snapshots."""
    ours, theirs = _both(programs, written, "find", *words)
    assert sorted(ours.out.strip().split("\n\n")) == sorted(theirs.out.strip().split("\n\n"))
    ours, theirs = _both(programs, written, "find", "--json", *words)
    found = ours.json()
    for match in (match for snapshot in found if programs[1].old for match in snapshot["matches"]):
        del match["inode"]
    assert _sorted(found) == _sorted(theirs.json())


def test_diff_and_dump_agree(programs: tuple[Strongroom, Restic], written: Path) -> None:
    """What differs, with sums, as text and as JSON; and a file's bytes."""
    one, two = (snapshot["short_id"] for snapshot in programs[1].snapshots(written))
    for options in ((), ("--json",)):
        ours, theirs = _both(programs, written, "diff", *options, one, two)
        assert ours.out == theirs.out
    path = next(line for line in programs[1].on(written, "ls", "latest").out.splitlines() if line.endswith("/file2"))
    ours, theirs = _both(programs, written, "dump", "latest", path)
    assert ours.stdout == theirs.stdout != b""


def test_keys_go_both_ways(strongroom: Strongroom, restic: Restic, repository: Path, tmp_path: Path) -> None:
    """A key that we add opens for restic, one that restic adds opens for us, and each can be removed."""
    restic.init(repository)
    for name in ("ours", "theirs", "last"):
        (tmp_path / name).write_text(f"password {name}\n")
    strongroom.on(repository, "key", "add", "--new-password-file", tmp_path / "ours", "--user", "someone").expect(0)
    restic.on(repository, "key", "add", "--new-password-file", tmp_path / "theirs").expect(0)
    no_password = {"RESTIC_PASSWORD": ""}
    listed = restic.on(repository, "-p", tmp_path / "ours", "key", "list", "--json", env=no_password).expect(0).json()
    assert [key["userName"] for key in listed if key["current"]] == ["someone"]
    strongroom.on(repository, "-p", tmp_path / "theirs", "list", "keys", env=no_password).expect(0)
    (current,) = (key["id"] for key in listed if key["current"])
    strongroom.on(repository, "key", "remove", current).expect(0)
    restic.on(repository, "-p", tmp_path / "ours", "list", "keys", env=no_password).expect(1 if restic.old else 12)
    strongroom.on(repository, "key", "passwd", "--new-password-file", tmp_path / "last").expect(0)
    strongroom.on(repository, "list", "keys").expect(12)
    restic.on(repository, "-p", tmp_path / "last", "list", "keys", env=no_password).expect(0)
