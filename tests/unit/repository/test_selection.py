"""Which snapshots a name, a prefix, `latest` and a filter mean, and how they are grouped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from strongroom.base.errors import UsageError
from strongroom.repository.selection import (
    GroupKey,
    SnapshotFilter,
    complete_prefix,
    find_snapshot,
    group_snapshots,
    select_snapshots,
)
from tests.support.forge import Forge
from tests.support.repositories import Machine
from tests.support.repositories import opened as opened_on

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.repository.opened import Repository

DAYS = [
    ("2024-01-03T00:00:00Z", "alpha", ["/a"], ["x", "y"]),
    ("2024-01-01T00:00:00Z", "alpha", ["/a", "/b"], []),
    ("2024-01-04T00:30:00+01:00", "beta", ["/b", "/a"], ["x"]),  # 2024-01-03T23:30:00Z
    ("2024-01-03T23:00:00Z", "beta", ["/b"], ["y"]),
]


@pytest.fixture
def machine() -> Machine:
    """This machine."""
    return Machine()


@pytest.fixture
def repository(tmp_path: Path, machine: Machine) -> Repository:
    """Four snapshots of two hosts."""
    forge = Forge(tmp_path)
    for moment, host, paths, tags in DAYS:
        forge.snapshot("a" * 64, time=moment, hostname=host, paths=paths, tags=tags)
    return opened_on(tmp_path, machine)


def days(found: list[tuple[str, object]], repository: Repository) -> list[int]:
    """Which of DAYS these are."""
    times = {str(repository.load_snapshot(name).time): name for name in repository.snapshot_names()}
    return [[times[day[0]] for day in DAYS].index(name) for name, _ in found]


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (SnapshotFilter(), [1, 0, 3, 2]),
        (SnapshotFilter(hosts=("alpha",)), [1, 0]),
        (SnapshotFilter(hosts=("alpha", "beta")), [1, 0, 3, 2]),
        (SnapshotFilter(paths=("/a",)), [1, 0, 2]),
        (SnapshotFilter(paths=("/a", "/b")), [1, 2]),
        (SnapshotFilter(tags=(("x",),)), [0, 2]),
        (SnapshotFilter(tags=(("x", "y"),)), [0]),
        (SnapshotFilter(tags=(("x",), ("y",))), [0, 3, 2]),
        (SnapshotFilter(tags=((),)), [1]),
        (SnapshotFilter(hosts=("beta",), paths=("/a",), tags=(("x",),)), [2]),
        (SnapshotFilter(hosts=("gamma",)), []),
    ],
)
def test_filters(repository: Repository, filter: SnapshotFilter, expected: list[int]) -> None:
    """Hosts are alternatives, paths all needed, tags all within one option and alternatives between; oldest first."""
    assert days(list(select_snapshots(repository, filter=filter)), repository) == expected


@pytest.mark.parametrize(
    ("name", "filter", "expected", "subfolder"),
    [
        ("latest", SnapshotFilter(), 2, ""),
        ("latest~1", SnapshotFilter(), 3, ""),
        ("latest~3", SnapshotFilter(), 1, ""),
        ("latest", SnapshotFilter(hosts=("alpha",)), 0, ""),
        ("latest:/etc//ssh/../", SnapshotFilter(), 2, "etc"),
        ("latest:/", SnapshotFilter(), 2, ""),
    ],
)
def test_latest(repository: Repository, name: str, filter: SnapshotFilter, expected: int, subfolder: str) -> None:
    """The newest by instant, whatever the zone, of those that pass; ~N counts back, and a colon begins a folder."""
    found = find_snapshot(repository, name, filter)
    assert days([(found.id, None)], repository) == [expected]
    assert found.subfolder == subfolder


def test_names(repository: Repository, machine: Machine) -> None:
    """Whole IDs and their beginnings are found; what fits none or several is an error, in a list a warning."""
    names = repository.snapshot_names()
    short = next(size for size in range(1, 65) if len({name[:size] for name in names}) == len(names))
    for name in names:
        assert find_snapshot(repository, name).id == find_snapshot(repository, name[:short]).id == name
    for wrong in ("latest~4", "0" * 64, "g", "", "latest~x"):
        with pytest.raises(UsageError):
            find_snapshot(repository, wrong)
    with pytest.raises(UsageError, match='multiple IDs with prefix "ab" found'):
        complete_prefix("ab", ["abc", "abd", "b"], "snapshot")
    unknown: list[str] = []
    chosen = select_snapshots(repository, [names[0], names[0], "0" * 64, "latest"], unknown=unknown)
    assert len(chosen) in (1, 2) and len(machine.warnings) == 1
    assert unknown == ["0" * 64]
    with pytest.raises(UsageError, match='no matching ID found for prefix "deadbeef"'):
        select_snapshots(repository, ["deadbeef"])


def test_groups(repository: Repository) -> None:
    """Groups have what was asked for in common, lists without regard to their order."""
    snapshots = select_snapshots(repository)
    grouped = {key: days(list(group), repository) for key, group in group_snapshots(snapshots, ("host", "paths"))}
    assert grouped == {
        GroupKey("alpha", ("/a",), None): [0],
        GroupKey("alpha", ("/a", "/b"), None): [1],
        GroupKey("beta", ("/a", "/b"), None): [2],
        GroupKey("beta", ("/b",), None): [3],
    }
    assert [key.paths for key, _ in group_snapshots(snapshots, ("paths",))] == [("/a",), ("/a", "/b"), ("/b",)]
    ((key, everything),) = group_snapshots(snapshots, ())
    assert key == GroupKey(None, None, None) and len(everything) == 4
    assert {key.tags for key, _ in group_snapshots(snapshots, ("tags",))} == {(), ("x",), ("x", "y"), ("y",)}
    with pytest.raises(UsageError):
        group_snapshots(snapshots, ("path",))
