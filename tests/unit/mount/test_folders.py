"""Where snapshots stand in a mount: restic's templates, and names that nobody honest would give."""

from __future__ import annotations

from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from strongroom.mount.folders import DEFAULT_TEMPLATES, Folders, MountEntry, arrange
from strongroom.mount.go_layout import RFC3339


def _snapshot(second: int, host: str = "alpha", tags: tuple[str, ...] = (), user: str = "ann") -> Snapshot:
    moment = Timestamp((1_600_000_000 + second) * 10**9)
    return Snapshot(time=moment, tree="0" * 64, paths=("/a",), hostname=host, tags=tags, username=user)


def _shown(folders: Folders) -> dict[str, str]:
    """Each snapshot's place with the beginning of its ID, each link with where it leads."""
    found = {}
    waiting: list[tuple[str, MountEntry]] = [("", folders.entries[""])]
    while waiting:
        place, entry = waiting.pop()
        if entry.snapshot is not None:
            found[place] = f"-> {entry.link}" if entry.link else entry.snapshot[0][:1]
        waiting += [(f"{place}/{name}", below) for name, below in entry.names.items()]
    return found


def test_the_default_places_are_restics() -> None:
    """Each snapshot stands under ids, snapshots, its host and its tags; the newest has a link; equal times a number."""
    listed = [("a" * 64, _snapshot(0, tags=("x", "y/z"))), ("b" * 64, _snapshot(0, "beta")), ("c" * 64, _snapshot(1))]
    assert _shown(arrange(listed, DEFAULT_TEMPLATES, RFC3339)) == {
        "/ids/aaaaaaaa": "a",
        "/ids/bbbbbbbb": "b",
        "/ids/cccccccc": "c",
        "/snapshots/2020-09-13T12:26:40Z": "a",
        "/snapshots/2020-09-13T12:26:40Z-1": "b",
        "/snapshots/2020-09-13T12:26:41Z": "c",
        "/snapshots/latest": "-> 2020-09-13T12:26:41Z",
        "/hosts/alpha/2020-09-13T12:26:40Z": "a",
        "/hosts/alpha/2020-09-13T12:26:41Z": "c",
        "/hosts/alpha/latest": "-> 2020-09-13T12:26:41Z",
        "/hosts/beta/2020-09-13T12:26:40Z": "b",
        "/hosts/beta/latest": "-> 2020-09-13T12:26:40Z",
        "/tags/x/2020-09-13T12:26:40Z": "a",
        "/tags/x/latest": "-> 2020-09-13T12:26:40Z",
        "/tags/y_z/2020-09-13T12:26:40Z": "a",
        "/tags/y_z/latest": "-> 2020-09-13T12:26:40Z",
    }


def test_without_snapshots_the_folders_are_there() -> None:
    """What stands before the first variable of a template is shown for an empty repository, too."""
    assert sorted(arrange([], DEFAULT_TEMPLATES, RFC3339).entries[""].names) == ["hosts", "ids", "snapshots", "tags"]


def test_a_template_of_ones_own() -> None:
    """Every variable is replaced, a percent sign can be written, and a time that is not at the end makes no link."""
    listed = [("a" * 64, _snapshot(0, user="ann/eve"))]
    assert _shown(arrange(listed, ["%h/%T/%u%%%I"], "2006")) == {f"/alpha/2020/ann/eve%{'a' * 64}": "a"}


def test_names_cannot_leave_the_mount() -> None:
    """Hosts called .. or / stay inside; a name with a NUL or of a thousand bytes is left out and counted."""
    hosts = ["../../etc", "/", "a\0b", "x" * 1000]
    folders = arrange([(f"{i}" * 64, _snapshot(i, host)) for i, host in enumerate(hosts)], ["hosts/%h/%T"], "05")
    assert _shown(folders) == {"/etc/40": "0", "/etc/latest": "-> 40", "/hosts/41": "1", "/hosts/latest": "-> 41"}
    assert folders.left_out == 2


def test_tags_that_multiply_end_somewhere() -> None:
    """A snapshot of a thousand tags gets some thousand places from a template that names the tags thrice."""
    folders = arrange([("a" * 64, _snapshot(0, tags=tuple(map(str, range(1000)))))], ["%t/%t/%t"], RFC3339)
    assert 1000 < len(_shown(folders)) <= 10_000
