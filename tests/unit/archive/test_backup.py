"""One run of the backup pipeline: what it saves, what it leaves out, what it says."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from strongroom.archive.backup.options import Stream
from strongroom.base.errors import Interrupted
from tests.support.backing_up import Host, Listener, Run, make_repository
from tests.support.privileges import obeying_permissions
from tests.support.waiting import until


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A machine with a state directory."""
    return Host(tmp_path / "host")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A few files in a few folders."""
    place = tmp_path / "source"
    (place / "deep" / "er").mkdir(parents=True)
    (place / "empty").mkdir()
    (place / "one").write_bytes(b"one")
    (place / "nothing").write_bytes(b"")
    (place / "deep" / "two").write_bytes(os.urandom(70_000))
    (place / "deep" / "er" / "large").write_bytes(os.urandom(5 << 20))
    (place / "link").symlink_to("one")
    os.link(place / "one", place / "other name")
    return place


def test_what_is_saved_reads_back(host: Host, source: Path) -> None:
    """Every blob and tree of a first backup verifies, and the counts are the source's."""
    run = host.backup(source)
    host.check()
    nodes = host.nodes()
    assert run.summary.files_new == 5
    assert run.summary.errors == 0
    assert nodes[f"{source}/deep/er/large"].size == 5 << 20
    assert nodes[f"{source}/link"].linktarget == b"one"
    assert nodes[f"{source}/nothing"].content == []
    assert nodes[f"{source}/one"].inode == nodes[f"{source}/other name"].inode


def test_an_unchanged_source_adds_nothing_and_reads_nothing(
    host: Host, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second run compares with the first: no blob, no tree, all files unmodified."""
    monkeypatch.chdir(source)  # folders above may change at any time
    host.backup([Path("deep"), Path("one"), Path("other name"), Path("nothing")])
    host.machine.clock.seconds += 1
    run = host.backup([Path("deep"), Path("one"), Path("other name"), Path("nothing")])
    summary = run.summary
    assert (summary.data_blobs, summary.tree_blobs, summary.files_unmodified, summary.files_reread) == (0, 0, 5, 0)
    assert summary.parent_id


def test_only_what_changed_is_new(host: Host, source: Path) -> None:
    """One changed file costs its blobs and the trees above it."""
    host.backup(source)
    (source / "deep" / "two").write_bytes(b"something else")
    run = host.backup(source)
    assert (run.summary.files_changed, run.summary.files_unmodified, run.summary.data_blobs) == (1, 4, 1)
    assert run.heard.changes[f"{source}/deep/two"] == "modified"
    host.check()


def test_skip_if_unchanged(host: Host, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No snapshot is written when the tree is the parent's."""
    monkeypatch.chdir(source)
    first = host.backup(Path("deep"), skip_if_unchanged=True)
    second = host.backup(Path("deep"), skip_if_unchanged=True)
    assert first.summary.snapshot_id and not first.summary.skipped_unchanged
    assert second.summary.skipped_unchanged and not second.summary.snapshot_id
    assert len(host.open("repository").snapshot_names()) == 1


def test_a_dry_run_stores_nothing(host: Host, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sizes are those of a real run, the repository stays as it was."""
    monkeypatch.chdir(source.parent)  # the folders above are no part of it: other tests change them meanwhile
    source = Path(source.name)
    dry = host.backup(source, dry_run=True)
    assert not [path for path in (host.folder / "repository" / "data").rglob("*") if path.is_file()]
    assert host.open("repository").snapshot_names() == []
    real = host.backup(source)
    assert dry.summary.data_added == real.summary.data_added > 5 << 20


def test_a_stream_becomes_a_file_below_its_folders(host: Host, tmp_path: Path) -> None:
    """Bytes from a descriptor are saved under the name given, cut as a file's would be."""
    content = os.urandom(3 << 20)
    (tmp_path / "stream").write_bytes(content)
    with (tmp_path / "stream").open("rb") as stream:
        run = host.backup([], stream=Stream(stream.fileno, b"dumps/shop.sql"))
    assert run.summary.total_bytes_processed == len(content)
    assert host.nodes()["/dumps/shop.sql"].size == len(content)
    host.check()


def test_patterns_tags_and_sizes_leave_out(host: Host, source: Path) -> None:
    """Excludes of every kind; a path that the user named is saved whatever the patterns say."""
    (source / "deep" / "er" / "CACHEDIR.TAG").write_bytes(b"Signature: 8a477f597d28d172789f06886806bc55 and more")
    (source / "deep" / "a.TMP").write_bytes(b"x")
    host.backup(
        [source, source / "one"],
        excludes=("one", "nothing"),
        iexcludes=("*.tmp",),
        exclude_if_present=((b"CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55"),),
        exclude_larger_than=60_000,
    )
    below = {path.removeprefix(f"{source}/") for path in host.nodes() if path.startswith(f"{source}/")}
    assert below == {"one", "other name", "link", "empty", "deep", "deep/er", "deep/er/CACHEDIR.TAG"}


def test_our_own_folders_are_left_out(host: Host, source: Path) -> None:
    """A repository inside the source is not saved into itself, and a line says so."""
    own = source / "deep" / "er"
    run = host.backup(source, own_folders=(os.fsencode(own),))
    assert f"{own}/large" not in host.nodes()
    assert any(str(own) in message for message in run.heard.messages)


def test_what_cannot_be_read_is_named(host: Host, source: Path) -> None:
    """The rest is saved, and the outcome says that the source is incomplete."""
    (source / "one").chmod(0)
    (source / "empty").chmod(0)
    with obeying_permissions():
        run = host.backup(source)
    assert set(run.heard.errors) == {str(source / "one"), str(source / "other name"), str(source / "empty")}
    assert run.outcome.incomplete and run.summary.snapshot_id


def test_a_target_that_is_not_there_is_an_error_of_its_own(host: Host, source: Path, tmp_path: Path) -> None:
    """The other paths are saved all the same."""
    run = host.backup([source, tmp_path / "missing"])
    assert str(tmp_path / "missing") in run.heard.errors
    assert run.outcome.incomplete and f"{source}/one" in host.nodes()


def test_folders_nested_too_deeply_are_one_error(host: Host, tmp_path: Path) -> None:
    """What is beyond the budget of readers is left out and named; what lies above it is saved."""
    top = tmp_path / "nest"
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(2100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    run = host.backup(top)
    assert len(run.heard.errors) == 1
    assert "2048" in next(iter(run.heard.errors.values()))
    host.check()


def test_a_file_that_changes_while_it_is_read(host: Host, source: Path) -> None:
    """It is saved, with a warning, and the next run reads it again."""
    victim = source / "deep" / "er" / "large"
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            with victim.open("r+b") as file:
                file.write(os.urandom(8))
            time.sleep(0.001)

    def disturbed() -> Run | None:
        run = host.backup(source)
        return run if run.summary.files_changed_while_read else None

    victim.write_bytes(os.urandom(48 << 20))
    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        run = until(disturbed)  # on a busy machine the disturber may have got no turn
    finally:
        stop.set()
        thread.join()
    assert run.summary.files_changed_while_read == 1
    assert not run.outcome.incomplete
    assert any(str(victim) in warning for warning in run.heard.warnings)
    again = host.backup(source)
    assert again.summary.files_changed == 1
    host.check()


def test_a_wish_to_stop_keeps_what_is_stored(host: Host, source: Path) -> None:
    """An interrupted run writes no snapshot and leaves no lock; the next one is complete."""

    class Impatient(Listener):
        def changed(self, change: object) -> None:  # noqa: ARG002
            self.stop.set()

    with pytest.raises(Interrupted):
        host.backup(source, listener=Impatient())
    assert not list((host.folder / "repository" / "locks").iterdir())
    assert host.open("repository").snapshot_names() == []
    run = host.backup(source)
    assert run.summary.snapshot_id
    host.check()


def test_version_1_knows_no_compression(host: Host, source: Path) -> None:
    """Blobs of a version 1 repository are plain, whatever compression is asked for."""
    make_repository(host.folder / "old", version=1)
    host.backup(source, "old", "new")
    host.check("old")
    host.check("new")
    index = host.open("old").load_index()
    assert all(entry.uncompressed_length == 0 for pack in index.packs() for entry in index.pack_entries(pack))
