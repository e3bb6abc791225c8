"""Which snapshots count as copies of each other."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.archive.copy.similar import Copies, copy_of, is_similar
from strongroom.base.record import replace
from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp

FIRST, SECOND, THIRD = "1" * 64, "2" * 64, "3" * 64
SNAPSHOT = Snapshot(
    time=Timestamp.parse("2026-01-02T03:04:05.678+01:00"),
    parent=SECOND,
    tree="a" * 64,
    paths=("/b", "/a"),
    hostname="alpha",
    username="ann",
    uid=1,
    gid=2,
    excludes=("*.o", "*.a"),
    tags=("x", "y"),
    program_version="restic 0.19.1",
    extra={"delete": "Never"},
)


@pytest.mark.parametrize(
    "change",
    [
        {"parent": ""},
        {"original": THIRD},
        {"program_version": "another"},
        {"paths": ("/a", "/b")},
        {"tags": ("y", "x")},
        {"time": Timestamp.parse("2026-01-02T02:04:05.678Z")},
    ],
)
def test_what_does_not_count(change: dict[str, Any]) -> None:
    """Parent, original, the program, orders of paths and tags, and the way in which the time is written."""
    assert is_similar(SNAPSHOT, replace(SNAPSHOT, **change))


@pytest.mark.parametrize(
    "change",
    [
        {"time": Timestamp.parse("2026-01-02T03:04:05.679+01:00")},
        {"tree": "b" * 64},
        {"hostname": "beta"},
        {"username": "bob"},
        {"uid": 0},
        {"gid": 0},
        {"paths": ("/b", "/c")},
        {"paths": ("/b",)},
        {"tags": ("x",)},
        {"tags": ("x", "z")},
        {"excludes": ("*.a", "*.o")},
    ],
)
def test_what_counts(change: dict[str, Any]) -> None:
    """All else makes another snapshot, the order of excludes included."""
    assert not is_similar(SNAPSHOT, replace(SNAPSHOT, **change))


def test_a_copy_keeps_its_first_id_and_what_we_do_not_know() -> None:
    """The parent goes, the original is the ID in the first repository, fields of other programs stay."""
    copied = copy_of(FIRST, SNAPSHOT)
    assert (copied.parent, copied.original, copied.extra) == ("", FIRST, {"delete": "Never"})
    assert copy_of(SECOND, copied) == copied


def test_copies_are_found_by_their_first_id() -> None:
    """A snapshot, a copy of it and a copy of that are one; another time under the same original is another one."""
    copies = Copies([(SECOND, copy_of(FIRST, SNAPSHOT))])
    assert copies.find(FIRST, SNAPSHOT) == SECOND
    assert copies.find(THIRD, copy_of(FIRST, SNAPSHOT)) == SECOND
    assert copies.find(SECOND, copy_of(FIRST, SNAPSHOT)) == SECOND
    assert copies.find(THIRD, SNAPSHOT) is None
    assert copies.find(FIRST, replace(SNAPSHOT, tags=())) is None
    copies.add(THIRD, replace(copy_of(FIRST, SNAPSHOT), tags=()))
    assert copies.find(FIRST, replace(SNAPSHOT, tags=())) == THIRD
