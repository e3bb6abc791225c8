"""What our verbs print of a repository is what Debian's restic prints of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command import Result
    from tests.support.programs import Restic, Strongroom

pytestmark = pytest.mark.peer("restic")


@pytest.fixture
def written(restic: Restic, repository: Path, source: Path) -> Path:
    """A repository of restic's with two snapshots."""
    restic.init(repository)
    restic.backup(repository, source, "--tag", "a,b", "--host", "one", "--exclude", "file1*")
    (source / "added").write_text("more")
    restic.backup(repository, source, "--host", "two")
    return repository


def _both(strongroom: Strongroom, restic: Restic, repository: Path, *words: str) -> tuple[Result, Result]:
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
    ],
    ids=" ".join,
)
def test_a_verb_prints_the_same(strongroom: Strongroom, restic: Restic, written: Path, words: tuple[str, ...]) -> None:
    """Byte for byte where restic's order is one; groups come in restic's random order and are compared as sets."""
    ours, theirs = _both(strongroom, restic, written, *words)
    if "--json" in words:
        assert _sorted(ours.json()) == _sorted(theirs.json())
    elif "--group-by" in words or words[0] == "list":
        assert sorted(ours.out.splitlines()) == sorted(theirs.out.splitlines())
    else:
        assert ours.out == theirs.out


def _sorted(value: Any) -> list[str]:
    return sorted(json.dumps(item, sort_keys=True) for item in value)


def test_objects_are_printed_as_they_are(strongroom: Strongroom, restic: Restic, written: Path) -> None:
    """cat prints snapshots, indexes, keys, packs and blobs as restic does, also by a shortened ID."""
    for kind, plural in (("snapshot", "snapshots"), ("index", "index"), ("key", "keys"), ("pack", "packs")):
        name = restic.on(written, "list", plural).expect(0).out.split()[0]
        ours, theirs = _both(strongroom, restic, written, "cat", kind, name)
        assert ours.stdout.rstrip() == theirs.stdout.rstrip()
        assert strongroom.on(written, "cat", kind, name[:12]).expect(0).stdout == ours.stdout
    for line in strongroom.on(written, "list", "blobs").expect(0).out.splitlines()[:3]:
        ours, theirs = _both(strongroom, restic, written, "cat", "blob", line.split()[1])
        assert ours.stdout == theirs.stdout


def test_keys_go_both_ways(strongroom: Strongroom, restic: Restic, written: Path, tmp_path: Path) -> None:
    """A key that we add opens for restic, one that restic adds opens for us, and each can be removed."""
    for name in ("ours", "theirs", "last"):
        (tmp_path / name).write_text(f"password {name}\n")
    strongroom.on(written, "key", "add", "--new-password-file", tmp_path / "ours", "--user", "someone").expect(0)
    restic.on(written, "key", "add", "--new-password-file", tmp_path / "theirs").expect(0)
    no_password = {"RESTIC_PASSWORD": ""}
    listed = restic.on(written, "-p", tmp_path / "ours", "key", "list", "--json", env=no_password).expect(0).json()
    assert [key["userName"] for key in listed if key["current"]] == ["someone"]
    strongroom.on(written, "-p", tmp_path / "theirs", "list", "keys", env=no_password).expect(0)
    (current,) = (key["id"] for key in listed if key["current"])
    strongroom.on(written, "key", "remove", current).expect(0)
    restic.on(written, "-p", tmp_path / "ours", "list", "keys", env=no_password).expect(1)
    strongroom.on(written, "key", "passwd", "--new-password-file", tmp_path / "last").expect(0)
    strongroom.on(written, "list", "keys").expect(12)
    restic.on(written, "-p", tmp_path / "last", "list", "keys", env=no_password).expect(0)
