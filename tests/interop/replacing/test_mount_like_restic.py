"""Our mount and restic's of one repository, side by side."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.programs import Restic
from tests.support.servers import mounts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.programs import Strongroom

pytestmark = pytest.mark.peer("restic")
OPTIONS = (
    (),
    ("--owner-root", "--time-template", "Mon 2 Jan 06, 15.04", "--path-template", "%h of %u/%i/%T", "--tag", "a"),
    ("--path-template", "by-time%T", "--path-template", "all/%I", "--host", "web/1", "--allow-other"),
)


def _facts(path: bytes) -> dict[str, Any]:
    status = os.lstat(path)
    facts: dict[str, Any] = {
        name: getattr(status, name)
        for name in ("st_mode", "st_uid", "st_gid", "st_size", "st_blocks", "st_mtime_ns", "st_atime_ns", "st_ctime_ns")
    }
    facts["st_mode"] &= ~stat.S_ISVTX  # restic's mount drops the sticky bit
    if stat.S_ISREG(status.st_mode):
        facts["st_nlink"] = status.st_nlink
        facts["attributes"] = {name: os.getxattr(path, name) for name in sorted(os.listxattr(path))}
    if stat.S_ISLNK(status.st_mode):
        facts["target"] = os.readlink(path)
    return facts


def _tree(place: Path) -> dict[bytes, dict[str, Any]]:
    """Everything in a mount by its path; the folders above snapshots without times, which are those of the mount."""
    found: dict[bytes, dict[str, Any]] = {}
    base = os.fsencode(place)
    waiting = [b""]
    while waiting:
        folder = waiting.pop()
        for name in os.listdir(os.path.join(base, folder)):
            path = os.path.join(folder, name)
            facts = found[path] = _facts(os.path.join(base, path))
            if stat.S_ISDIR(facts["st_mode"]):
                waiting.append(path)
                if os.path.dirname(path) == b"" or facts["st_mode"] & 0o777 == 0o555:
                    facts = found[path] = {name: value for name, value in facts.items() if not name.endswith("_ns")}
    return found


@pytest.fixture
def restic(home: Path) -> Restic:
    """The newest alone: 0.14 is not asked for everything a second time."""
    return Restic(home)


@pytest.mark.parametrize("options", OPTIONS)
def test_the_two_mounts_are_alike(
    strongroom: Strongroom,
    restic: Restic,
    tmp_path: Path,
    hostile_source: Path,
    repository: Path,
    options: tuple[str, ...],
) -> None:
    """The same paths, links, attributes, sizes and block counts, whatever the templates and filters."""
    mounts.require_fuse()
    restic.init(repository)
    moment, later = ("--time", "2020-02-03 04:05:06"), ("--time", "2020-02-03 04:05:07")
    strongroom.backup(repository, hostile_source, "--tag", "a,b/c")
    restic.backup(repository, hostile_source / "links", "--host", "web/1", *moment)
    for _ in range(2):  # alike, since restic names those of one moment in the order in which it happens to load them
        restic.backup(repository, hostile_source / "times", "--host", "web/1", "--tag", "a", "--tag", "..", *later)
    with (
        mounts.mounted(restic, repository, tmp_path / "theirs", *options),
        mounts.mounted(strongroom, repository, tmp_path / "ours", *options),
    ):
        theirs, ours = _tree(tmp_path / "theirs"), _tree(tmp_path / "ours")
    assert len(theirs) > 30
    assert [f"they alone: {path!r}" for path in sorted(theirs.keys() - ours.keys())] == []
    assert [f"we alone: {path!r}" for path in sorted(ours.keys() - theirs.keys())] == []
    different = [
        f"{path!r} {name}: {value!r}, ours {ours[path].get(name)!r}"
        for path, facts in sorted(theirs.items())
        for name, value in facts.items()
        if value != ours[path].get(name) and b"before the epoch" not in path  # where restic's second is the next one
    ]
    assert not different, "\n".join(different[:20])
