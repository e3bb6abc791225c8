"""One pass for several repositories: what each gets, and how little one that fails or is slow costs the others."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from strongroom.archive.backup import one_pass
from strongroom.archive.backup.new_snapshot import must_hold_the_stream
from strongroom.base.errors import StrongroomError, Unavailable
from strongroom.base.objects import Kind
from strongroom.storage.wrappers.wrapper import Wrapper
from tests.support.backing_up import OTHER_POLYNOMIAL, Host, Run, make_repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from strongroom.base.objects import ObjectName
    from strongroom.storage.contract import Info, Store


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Some megabytes that do not compress."""
    place = tmp_path / "source"
    place.mkdir()
    for number in range(8):
        (place / f"file{number}").write_bytes(os.urandom(3 << 20))
    return place


class FailsAt(Wrapper):
    """A store that is gone from the n-th pack on."""

    def __init__(self, inner: Store, packs: int) -> None:
        super().__init__(inner)
        self._left = packs

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        if name.kind is Kind.DATA:
            self._left -= 1
            if self._left < 0:
                raise Unavailable("the line is cut", subject="test")
        super().create(name, data)


class Slow(Wrapper):
    """A store that takes no pack before another store has all, or time is up."""

    def __init__(self, inner: Store, other_has_all: threading.Event, seconds: float) -> None:
        super().__init__(inner)
        self._other_has_all = other_has_all
        self._seconds = seconds

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        if name.kind is Kind.DATA and not self._other_has_all.wait(self._seconds):
            self._other_has_all.set()
        super().create(name, data)


class Late(Slow):
    """The same; before its own pass, for which its index is loaded a second time, something happens."""

    def __init__(self, inner: Store, other_has_all: threading.Event, happens: Callable[[], object]) -> None:
        super().__init__(inner, other_has_all, 20)
        self._happens = happens
        self._loaded = 0

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        if kind is Kind.INDEX:
            self._loaded += 1
            if self._loaded == 2:
                self._happens()
        return super().list(kind, after)


class Quick(Wrapper):
    """The other store."""

    def __init__(self, inner: Store, has_all: threading.Event) -> None:
        super().__init__(inner)
        self._has_all = has_all
        self._left = 24 << 20
        self._guard = threading.Lock()

    def create(self, name: ObjectName, data: bytes | bytearray | memoryview) -> None:
        super().create(name, data)
        with self._guard:
            self._left -= len(data) if name.kind is Kind.DATA else 0
            if self._left <= 0:
                self._has_all.set()


def test_each_repository_gets_only_what_it_lacks(tmp_path: Path, source: Path) -> None:
    """A repository that joins later gets everything, the other nothing, in one pass."""
    host = Host(tmp_path / "host")
    host.backup(source, "first")
    run = host.backup(source, "first", "second")
    first, second = run.summaries
    assert first.data_blobs == 0
    assert second.data_added > 24 << 20
    host.check("second")
    again = host.backup(source, "first", "second")
    assert [summary.data_blobs for summary in again.summaries] == [0, 0]
    assert again.summaries[0].files_unmodified == 8


def test_a_blob_is_compressed_once(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three repositories cost as many compressions as one."""
    counts: list[int] = []
    send = one_pass.Pass.send

    def counted(run: one_pass.Pass, number: int) -> one_pass.PassOutcome:
        outcome = send(run, number)
        counts.append(run.summary.blobs_compressed)
        return outcome

    monkeypatch.setattr(one_pass.Pass, "send", counted)
    host = Host(tmp_path / "host")
    run = host.backup(source, "a", "b", "c")
    assert counts == [run.summaries[0].data_blobs + run.summaries[0].tree_blobs] * 3


def test_polynomials_may_differ(tmp_path: Path, source: Path) -> None:
    """Each repository has the chunks of its own polynomial, and both read the source once."""
    host = Host(tmp_path / "host")
    make_repository(host.folder / "other", polynomial=OTHER_POLYNOMIAL)
    run = host.backup(source, "one", "other")
    assert all(summary.snapshot_id for summary in run.summaries)
    for name in ("one", "other"):
        host.check(name)
    alone = host.backup(source, "alone")
    assert alone.summary.data_blobs == run.summaries[0].data_blobs
    again = host.backup(source, "one", "other")
    assert [summary.data_blobs for summary in again.summaries] == [0, 0]
    assert again.summaries[1].files_unmodified == 8


def test_one_that_fails_stops_no_other(tmp_path: Path, source: Path) -> None:
    """The other has its snapshot, the failed one an error and an index over what arrived; the next run levels it."""
    host = Host(tmp_path / "host", wrap=lambda name, store: FailsAt(store, 3) if name == "bad" else store)
    run = host.backup(source, "good", "bad")
    good, bad = run.outcome.results
    assert good.error is None and good.summary.snapshot_id
    assert isinstance(bad.error, Unavailable) and not bad.summary.snapshot_id
    assert "the line is cut" in bad.summary.failure
    host.check("good")
    host.wrap = lambda _, store: store
    level = host.backup(source, "good", "bad")
    assert level.summaries[0].data_blobs == 0
    assert 0 < level.summaries[1].data_blobs < good.summary.data_blobs
    host.check("bad")


def test_all_that_fail_leave_no_lock(tmp_path: Path, source: Path) -> None:
    """Without any repository left the run ends with the errors."""
    host = Host(tmp_path / "host", wrap=lambda _, store: FailsAt(store, 1))
    run = host.backup(source, "one", "two")
    assert all(isinstance(result.error, Unavailable) for result in run.outcome.results)
    assert not list((host.folder / "one" / "locks").iterdir())


@pytest.mark.parametrize("spool", [0, 4 << 20, 1 << 30])
def test_a_slow_one_keeps_no_other_waiting(tmp_path: Path, source: Path, spool: int) -> None:
    """Its packs wait on disk; when there is no room it gets a pass of its own; in the end both are whole."""
    quick_has_all = threading.Event()

    def wrap(name: str, store: Store) -> Store:
        if name == "slow":  # without room on disk both go at its pace
            return Slow(store, quick_has_all, 20 if spool else 1)
        return Quick(store, quick_has_all)

    host = Host(tmp_path / "host", wrap=wrap)
    run = host.backup(source, "quick", "slow", spool_bytes=spool, spool_folder=str(tmp_path), pack_size=3 << 20)
    assert all(summary.snapshot_id for summary in run.summaries)
    had_own_pass = any("pass of its own" in warning for warning in run.heard.warnings)
    assert had_own_pass == (spool == 4 << 20)
    for name in ("quick", "slow"):
        host.check(name)


def _with_a_second_pass(tmp_path: Path, source: Path, happens: Callable[[], object]) -> tuple[Host, Run]:
    """Back up to a quick repository and a slow one, with something that happens between the two passes."""
    quick_has_all = threading.Event()

    def wrap(name: str, store: Store) -> Store:
        return Late(store, quick_has_all, happens) if name == "slow" else Quick(store, quick_has_all)

    host = Host(tmp_path / "host", wrap=wrap)
    run = host.backup(source, "quick", "slow", spool_bytes=4 << 20, spool_folder=str(tmp_path), pack_size=3 << 20)
    assert any("too slow" in warning for warning in run.heard.warnings)
    host.wrap = lambda _, store: store
    return host, run


def test_a_second_pass_sees_the_source_as_it_is_then(tmp_path: Path, source: Path) -> None:
    """A slow repository that gets a pass of its own claims nothing of what only the others' pass has seen."""
    (source / "early").write_text("seen by the first pass alone")
    (source / "changed").write_text("old")

    def happens() -> None:
        (source / "early").unlink()
        (source / "changed").write_text("newer")

    host, run = _with_a_second_pass(tmp_path, source, happens)
    assert all(summary.snapshot_id for summary in run.summaries)
    assert run.summaries[0].total_files_processed == run.summaries[1].total_files_processed + 1
    first, second = host.nodes("quick"), host.nodes("slow")
    assert first.keys() - second.keys() == {f"{source}/early"}
    assert (first[f"{source}/changed"].size, second[f"{source}/changed"].size) == (3, 5)
    host.check("slow")


def test_a_source_that_is_gone_gives_no_empty_snapshot(tmp_path: Path, source: Path) -> None:
    """Where a second pass finds nothing of the source any more, that repository ends without a snapshot."""
    host, run = _with_a_second_pass(tmp_path, source, lambda: source.rename(tmp_path / "elsewhere"))
    quick, slow = run.outcome.results
    assert quick.error is None and quick.summary.snapshot_id
    assert slow.error is not None and "exists any more" in str(slow.error)
    assert not list((host.folder / "slow" / "snapshots").iterdir())
    assert not list((host.folder / "slow" / "locks").iterdir())


def test_a_stream_whose_numbers_differ_gives_no_snapshot() -> None:
    """Bytes read, bytes in the snapshot and bytes that the repository has are one number, or nothing is written."""

    @dataclass
    class Counted:
        bytes_read: int = 7
        total_bytes_processed: int = 7
        data_seen: int = 7

    must_hold_the_stream("here", Counted(), Counted())  # type: ignore[arg-type]
    for seen, stored in (
        (Counted(bytes_read=8), Counted()),
        (Counted(total_bytes_processed=0), Counted()),
        (Counted(), Counted(data_seen=0)),
    ):
        with pytest.raises(StrongroomError, match="no snapshot was made"):
            must_hold_the_stream("here", seen, stored)  # type: ignore[arg-type]
