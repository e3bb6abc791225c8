"""A snapshot as a file system: looking up, walking, searching, counting, comparing; against the plain truth."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from strongroom.archive import stats
from strongroom.archive.diff import Difference, compare
from strongroom.archive.find import NameQuery, NameSearch, ObjectQuery, ObjectSearch, blobs_of_packs
from strongroom.archive.vfs import SnapshotView
from strongroom.base.errors import LimitExceeded, UsageError
from tests.support.forge import Forge, node, sha
from tests.support.snapshots import FOLDERS, add, opened, paths, views

if TYPE_CHECKING:
    from pathlib import Path

    from strongroom.archive.vfs import SnapshotEntry
    from tests.support.snapshots import Folder

SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

HOUSE: Folder = {
    "etc": {"fstab": b"one", "hosts": b"two", "deep": {"er": {"leaf": b"three"}}},
    "empty": {},
    "copy": {"er": {"leaf": b"three"}},
}


@SOME
@given(folder=FOLDERS)
def test_walking_meets_every_path_once(tmp_path_factory: pytest.TempPathFactory, folder: Folder) -> None:
    """The walk is the list of all paths, in order, and each can be looked up."""
    (view,) = views(tmp_path_factory.mktemp("r"), folder)
    expected = [path.encode() for path, _ in paths(folder)]
    assert [entry.path for entry in view.walk()] == expected
    for path in expected:
        found = view.find(path)
        assert found is not None and found.path == path
    assert view.problems == 0


def test_looking_up(tmp_path: Path) -> None:
    """Paths are found however they are spelled; what is not there, or no folder, is said so."""
    (view,) = views(tmp_path, HOUSE)
    assert view.find(b"/") is None
    for path in (b"etc/fstab", b"//etc/./fstab/"):
        entry = view.find(path)
        assert entry is not None and entry.node.size == 3
    assert [entry.path for entry in view.below(b"etc/deep").walk()] == [b"/er", b"/er/leaf"]
    assert [entry.path for entry in view.walk(b"/etc", lambda entry: entry.path != b"/etc/deep")] == [
        b"/etc/deep",
        b"/etc/fstab",
        b"/etc/hosts",
    ]
    assert list(view.walk(b"/etc/fstab")) == []
    for wrong in (b"/etc/nothing", b"/etc/fstab/below"):
        with pytest.raises(UsageError):
            view.find(wrong)
    with pytest.raises(UsageError):
        view.below(b"etc/fstab")


def test_what_cannot_be_read_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    """A tree that is missing, one that is junk, a folder without a tree and a bad node cost themselves alone."""
    forge = Forge(tmp_path)
    root = forge.tree(
        node("gone", "dir", subtree="a" * 64),
        node("junk", "dir", subtree=forge.raw_tree(b"junk")),
        node("none", "dir"),
        node("..", "file"),
        node("well", "dir", subtree=forge.tree(node("leaf", "file"))),
    )
    forge.index()
    view = SnapshotView(opened(tmp_path), root)
    assert [entry.path for entry in view.walk()][-1] == b"/well/leaf"
    assert view.problems == 4


def test_chains_that_are_too_deep_are_one_problem(tmp_path: Path) -> None:
    """What nests deeper than 2048 folders is left out and reported; siblings are seen."""
    forge = Forge(tmp_path)
    tree = forge.tree(node("leaf", "file"))
    for _ in range(2100):
        tree = forge.tree(node("d", "dir", subtree=tree), node("e", "file"))
    forge.index()
    view = SnapshotView(opened(tmp_path), tree)
    entries = list(view.walk())
    assert len([entry for entry in entries if entry.path.endswith(b"e")]) == 2049
    assert view.problems == 1
    hits: list[SnapshotEntry] = []
    search = SnapshotView(opened(tmp_path), tree)
    NameSearch(NameQuery(("leaf",))).search(search, hits.append)
    assert hits == [] and search.problems == 1


def test_a_snapshot_of_a_trillion_paths(tmp_path: Path) -> None:
    """Listing it stops with an error; counting and searching it take no time."""
    forge = Forge(tmp_path)
    tree = forge.tree(node("leaf", "file", content=[], size=1, links=1))
    for _ in range(40):
        tree = forge.tree(node("a", "dir", subtree=tree), node("b", "dir", subtree=tree))
    forge.index()
    repository = opened(tmp_path)
    with pytest.raises(LimitExceeded, match="repeats"):
        for _ in SnapshotView(repository, tree).walk():
            pass
    counted = stats.count(repository, [tree], "restore-size")
    assert (counted.total_size, counted.total_file_count) == (2**40, 2**40 + 2 * (2**40 - 1))
    hits: list[SnapshotEntry] = []
    NameSearch(NameQuery(("nothing",))).search(SnapshotView(repository, tree), hits.append)
    assert hits == []
    with pytest.raises(LimitExceeded):
        NameSearch(NameQuery(("leaf",))).search(SnapshotView(repository, tree), hits.append)
    other = SnapshotView(repository, repository.load_tree(tree).nodes[0].subtree or "")
    assert compare(SnapshotView(repository, tree), SnapshotView(repository, tree), lambda _: None).changed_files == 0
    with pytest.raises(LimitExceeded):
        compare(SnapshotView(repository, tree), other.below(b"a/a/a"), lambda _: None)


@SOME
@given(first=FOLDERS, second=FOLDERS)
def test_searching_names(tmp_path_factory: pytest.TempPathFactory, first: Folder, second: Folder) -> None:
    """A name is found wherever it stands, with all that is below it, in each snapshot, whatever was searched before."""
    snapshots = views(tmp_path_factory.mktemp("r"), first, second, first)
    for patterns in (("foo*",), ("b", "é"), ("a/foo",), ("/a/b",)):
        search = NameSearch(NameQuery(patterns))
        for folder, view in zip((first, second, first), snapshots, strict=True):
            hits: list[SnapshotEntry] = []
            search.search(view, hits.append)
            expected = [path.encode() for path, _ in paths(folder) if any(_matches(p, path) for p in patterns)]
            assert [hit.path for hit in hits] == expected


def _matches(pattern: str, path: str) -> bool:
    """restic's rule for patterns without wildcards for folders: some run of the path's parts matches all of them."""
    parts, wanted = path[1:].split("/"), pattern.strip("/").split("/")
    starts = [0] if pattern.startswith("/") else range(len(parts) - len(wanted) + 1)
    return any(
        len(parts[start : start + len(wanted)]) == len(wanted)
        and all(fnmatch.fnmatchcase(*pair) for pair in zip(parts[start:], wanted, strict=False))
        for start in starts
    )


def test_searching_names_by_case_and_time(tmp_path: Path) -> None:
    """Case is ignored on demand; the bounds of the modification time belong to it."""
    forge = Forge(tmp_path)
    root = forge.tree(
        node("Old", "file", mtime="2020-01-01T00:00:00Z"), node("old", "file", mtime="2021-01-01T00:00:00Z")
    )
    forge.index()
    view = SnapshotView(opened(tmp_path), root)
    year_2020, year_2021 = 1_577_836_800 * 10**9, 1_609_459_200 * 10**9

    def found(**query: Any) -> list[bytes]:
        hits: list[SnapshotEntry] = []
        NameSearch(NameQuery(("old",), **query)).search(view, hits.append)
        return [hit.path for hit in hits]

    assert found() == [b"/old"]
    assert found(ignore_case=True) == [b"/Old", b"/old"]
    assert found(ignore_case=True, newest_ns=year_2020) == [b"/Old"]
    assert found(ignore_case=True, oldest_ns=year_2021) == [b"/old"]
    assert found(ignore_case=True, oldest_ns=year_2020 + 1, newest_ns=year_2021 - 1) == []


def test_searching_objects(tmp_path: Path) -> None:
    """Blobs and trees are found with their paths, in every snapshot that uses them, and by their pack."""
    old, new = views(tmp_path, {"x": b"one"}, HOUSE)
    three = sha(b"three")
    inner = new.find(b"/etc/deep/er")
    assert inner is not None and inner.node.subtree is not None
    search = ObjectSearch(ObjectQuery(frozenset({three, sha(b"one")}), frozenset({inner.node.subtree, old.tree})))
    uses: list[tuple[str, bytes]] = []
    for view in (old, new):
        search.search(view, lambda use: uses.append((use.kind, use.path)))
    assert uses == [
        ("tree", b"/"),
        ("blob", b"/x"),
        ("tree", b"/copy/er"),
        ("blob", b"/copy/er/leaf"),
        ("tree", b"/etc/deep/er"),
        ("blob", b"/etc/deep/er/leaf"),
        ("blob", b"/etc/fstab"),
    ]
    pack = new.repository.locations("data", three)[0].pack
    assert three in blobs_of_packs(new.repository, [pack]).data


def _contents(folder: Folder) -> dict[str, Any]:
    return {path: None if isinstance(content, dict) else content for path, content in paths(folder)}


@SOME
@given(before=FOLDERS, after=FOLDERS)
def test_comparing(tmp_path_factory: pytest.TempPathFactory, before: Folder, after: Folder) -> None:
    """What came, went and changed is what differs between the two lists of paths; sums count it."""
    old, new = views(tmp_path_factory.mktemp("r"), before, after)
    found: list[Difference] = []
    sums = compare(old, new, found.append)
    one, two = _contents(before), _contents(after)
    got: dict[str, set[str]] = {sign: set() for sign in "+-MT"}
    for difference in found:
        got[difference.modifier[0]].add(difference.path.decode().rstrip("/"))
    assert got["+"] == two.keys() - one.keys()
    assert got["-"] == one.keys() - two.keys()
    both = one.keys() & two.keys()
    assert got["M"] == {path for path in both if None not in (one[path], two[path]) and one[path] != two[path]}
    assert got["T"] == {path for path in both if (one[path] is None) != (two[path] is None)}
    assert sums.changed_files == len(got["M"])
    added = [two[path] for path in got["+"]]
    assert (sums.added.files, sums.added.dirs) == (len([x for x in added if x is not None]), added.count(None))
    blobs_before, blobs_after = ({content for content in side.values() if content} for side in (one, two))
    assert sums.added.data_blobs == len(blobs_after - blobs_before)
    assert sums.removed.data_blobs == len(blobs_before - blobs_after)


def test_comparing_metadata_and_decay(tmp_path: Path) -> None:
    """Other metadata shows on demand; other content behind the same metadata is marked as suspicious."""
    forge = Forge(tmp_path)
    one, two = forge.pack(("data", b"one"), ("data", b"two"))
    old = forge.tree(
        node("decay", "file", content=[one]), node("mode", "file", mode=0o644), node("real", "file", content=[one])
    )
    new = forge.tree(
        node("decay", "file", content=[two]),
        node("mode", "file", mode=0o600),
        node("real", "file", content=[two], mtime="2025-01-01T00:00:00Z"),
    )
    forge.index()
    repository = opened(tmp_path)
    found: list[tuple[bytes, str]] = []
    for metadata in (False, True):
        compare(SnapshotView(repository, old), SnapshotView(repository, new),
                lambda item: found.append((item.path, item.modifier)), metadata=metadata)  # fmt: skip
    assert found[:2] == [(b"/decay", "M?"), (b"/real", "M")]
    assert found[2:] == [(b"/decay", "M?"), (b"/mode", "U"), (b"/real", "M")]


@SOME
@given(first=FOLDERS, second=FOLDERS)
def test_counting(tmp_path_factory: pytest.TempPathFactory, first: Folder, second: Folder) -> None:
    """The four ways to count agree with counting by hand."""
    snapshots = views(tmp_path_factory.mktemp("r"), first, second)
    repository = snapshots[0].repository
    entries = [*paths(first), *paths(second)]
    files = [(path, content) for path, content in entries if not isinstance(content, dict)]

    def counted(mode: str) -> stats.Statistics:
        return stats.count(repository, [view.tree for view in snapshots], mode)

    restored = counted("restore-size")
    assert (restored.total_file_count, restored.total_size) == (len(entries), sum(len(content) for _, content in files))
    assert restored.snapshots_count == 2
    contents = {content for _, content in files}
    distinct = counted("files-by-contents")
    empty = {b""} if len(files) < len(entries) else set()  # restic counts what has no content as one empty file
    assert (distinct.total_file_count, distinct.total_size) == (len(contents | empty), sum(map(len, contents)))
    raw = counted("raw-data")
    trees = {entry.node.subtree for view in snapshots for entry in view.walk() if entry.is_dir}
    trees |= {view.tree for view in snapshots}
    assert raw.total_blob_count == len(contents - {b""}) + len(trees)
    assert raw.total_size == raw.total_uncompressed_size
    assert counted("blobs-per-file").total_blob_count == len(contents - {b""})


def test_hard_links_count_once_in_each_snapshot(tmp_path: Path) -> None:
    """A file with two names is one file for a restore, once for each snapshot that has it."""
    forge = Forge(tmp_path)
    inner = forge.tree(node("x", "file", size=10, links=2, inode=7, device_id=1))
    root = forge.tree(
        node("a", "dir", subtree=inner),
        node("y", "file", size=10, links=2, inode=7, device_id=1),
        node("z", "file", size=5),
    )
    forge.index()
    repository = opened(tmp_path)
    assert stats.count(repository, [root], "restore-size").total_size == 15
    assert stats.count(repository, [root, root], "restore-size").total_size == 30
    with pytest.raises(UsageError):
        stats.count(repository, [root], "other")


def test_many_folders_that_are_alike_are_no_attack(tmp_path: Path) -> None:
    """Thousands of empty folders, as package managers make them, are listed to the end."""
    folder: Folder = {f"{number:04d}": {} for number in range(3000)}
    forge = Forge(tmp_path)
    root = add(forge, folder)
    forge.index()
    assert len(list(SnapshotView(opened(tmp_path), root).walk())) == 3000
