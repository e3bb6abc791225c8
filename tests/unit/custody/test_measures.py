"""What is measured between two snapshots, over repositories that the forge wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from strongroom.base.errors import UsageError
from strongroom.custody.adopting import open_adopted
from strongroom.custody.judging.measures import extension_of
from strongroom.custody.sources import change_source, sources_of
from strongroom.storage.local.store import LocalStore
from tests.support.custody.watched import Files, Watched
from tests.support.forge import node

MANY: Files = {f"docs/{number}.txt": f"text {number}".encode() * 30 for number in range(30)}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A repository in care with one good snapshot of thirty files."""
    found = Watched(tmp_path)
    found.backup(MANY)
    found.adopt()
    found.round()
    found.later(days=1)
    return found


def _measured(watched: Watched, files: Files) -> dict[str, float]:
    found = watched.backup(files)
    watched.round()
    return {name: value for name, value in watched.measures(found).items() if value}


def test_files_that_come_change_and_go_are_counted(watched: Watched) -> None:
    """Two new ones, one changed under its old mtime, one gone; new bytes are those that are in no older version."""
    files = dict(MANY) | {"docs/a.new": b"n" * 100, "docs/b.new": b"m" * 200, "docs/1.txt": b"c" * 300}
    del files["docs/2.txt"]
    found = _measured(watched, files)
    assert (found["files_new"], found["files_changed"], found["files_removed"]) == (2, 1, 1)
    assert (found["old_mtime_changed"], found["bytes_new"], found["new_extensions"]) == (1, 600, 2)
    assert (found["files"], found["bytes"]) == (31, sum(map(len, files.values())))


def test_a_folder_under_another_name_is_no_change(watched: Watched) -> None:
    """Neither a folder that was renamed as it is, nor one in which one file changed besides, counts its files."""
    moved = {path.replace("docs", "papers"): content for path, content in MANY.items()}
    assert set(_measured(watched, moved)) == {"files", "bytes"}
    moved = {path.replace("docs", "works"): content for path, content in MANY.items()} | {"works/7.txt": b"other"}
    found = _measured(watched, moved)
    assert (found["files_new"], found["files_removed"], found["bytes_new"]) == (1, 1, 5)


def test_a_suffix_more_is_a_rename_whatever_the_content(watched: Watched) -> None:
    """Thirty files encrypted and renamed in one folder: renamed, new and removed, with an ending never seen."""
    found = _measured(watched, {f"{path}.locked": content[::-1] for path, content in MANY.items()})
    assert (found["renamed"], found["files_new"], found["files_removed"]) == (30, 30, 30)
    assert found["new_extensions"] == 30


def test_numbers_in_endings_are_one_ending() -> None:
    """Rotated logs and dated dumps have no ending of their own each day."""
    assert extension_of(b"syslog.1") == extension_of(b"syslog.27") == "0"
    assert extension_of(b"dump.20261130") == "0"
    assert extension_of(b"a.MP4") == "mp0"
    assert extension_of(b"no ending") == extension_of(b"x.averylongendingindeed") == ""


def test_a_canary_that_changes_or_goes_makes_a_snapshot_suspicious(watched: Watched) -> None:
    """An operator names a file; as long as it is as it was all is well, and then it is a reason by itself."""
    repository = open_adopted(
        watched.adopted, LocalStore(str(watched.forge.place)), watched.identity, watched.machine.surroundings
    )
    (source,) = sources_of(watched.state, watched.adopted)
    for path in ("/docs/nothing.txt", "/docs/3.txt/below"):
        with pytest.raises(UsageError, match="newest good"):
            change_source(watched.state, watched.adopted, source.name, "a test", canaries=[path], repository=repository)
    change_source(
        watched.state, watched.adopted, source.name, "a test", canaries=["/docs/3.txt"], repository=repository
    )
    same = watched.backup(dict(MANY) | {"docs/4.txt": b"other"})
    changed = watched.backup(dict(MANY) | {"docs/3.txt": b"other"})
    gone = watched.backup({path: content for path, content in MANY.items() if path != "docs/3.txt"})
    link = watched.snapshot(watched.forge.tree(node("docs", "symlink", linktarget="/elsewhere")))
    watched.round()
    assert watched.verdict(same) == "good"
    assert watched.reasons(changed) == watched.reasons(gone) == {"canary"}
    assert "canary" in watched.reasons(link)
    change_source(watched.state, watched.adopted, source.name, "a test", drop=["/docs/3.txt"])
    again = watched.backup(dict(MANY) | {"docs/3.txt": b"another"})
    watched.round()
    assert watched.verdict(again) == "good"


def test_a_source_says_how_long_its_backups_take(watched: Watched) -> None:
    """A laptop that sleeps for four days in mid-backup is suspicious, until that is said to be no wonder."""
    slow = watched.backup(MANY | {"a": b"1"}, ahead=-4 * 86400.0)
    watched.round()
    assert watched.reasons(slow) == {"claims-past"}
    (source,) = sources_of(watched.state, watched.adopted)
    change_source(watched.state, watched.adopted, source.name, "a test", longest_backup=120)
    slow = watched.backup(MANY | {"a": b"2"}, ahead=-4 * 86400.0)
    watched.round()
    assert watched.verdict(slow) == "good"
