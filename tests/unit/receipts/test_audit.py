"""Checking a log: edited, shortened, forked and rewritten logs are refused, with the index or the range."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.base.errors import ConfigurationError, Damaged, StrongroomError
from strongroom.receipts.audit.audit import LogDamaged, audit
from strongroom.receipts.audit.log_source import FolderSource
from strongroom.receipts.commit.log_state import entries, state
from strongroom.receipts.commit.replay_apply import apply_leaves
from strongroom.receipts.log import tiles
from strongroom.receipts.log.tiles import WIDTH
from tests.support.logs import Log, make_log, new_signer

SIZE = 600


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A log of 600 leaves with checkpoints at 0, 1, 300 and 600; do not change it."""
    log = make_log(tmp_path_factory.mktemp("audit"))
    log.publish()
    for start, end in ((0, 1), (1, 300), (300, SIZE)):
        log.add(*range(start, end))
        log.publish()
    return log


def copy(log: Log, folder: Path) -> Path:
    """The log's files, to be tampered with."""
    return shutil.copytree(log.tiles, folder)


def bundles(folder: Path, index: int) -> list[tuple[Path, int]]:
    """The files that hold the entry of this index, with their widths."""
    number = index // WIDTH
    full = folder / tiles.path("entries", number)
    found = [(full, WIDTH)] if full.exists() else []
    partial = full.with_name(full.name + ".p")
    return found + [(path, int(path.name)) for path in (partial.iterdir() if partial.exists() else ())]


def edit(folder: Path, index: int, change: bytes = b'"suspect":true ') -> None:
    """Change one entry wherever it lies."""
    for path, width in bundles(folder, index):
        entries = tiles.unbundle(path.read_bytes(), width)
        if index % WIDTH < width:
            entries[index % WIDTH] = change
            path.write_bytes(tiles.bundle(entries))


def test_a_good_log_is_good_from_the_start_and_from_a_pin(log: Log, tmp_path: Path) -> None:
    """A whole log and its end after a pinned checkpoint verify; the key is given or remembered, or nothing is said."""
    source = FolderSource(str(log.tiles))
    whole = audit(source, key=log.signer.verifier)
    assert (whole.head.size, whole.read, whole.pinned_key) == (SIZE, SIZE, True)
    assert whole.pins == 4
    since = (log.tiles / "checkpoint/300").read_bytes()
    assert audit(source, key=log.signer.verifier, since=since).read == 300
    with pytest.raises(ConfigurationError):
        audit(source)
    memory = str(tmp_path / "state")
    audit(source, key=log.signer.verifier, state=memory)
    assert audit(source, state=memory).pinned_key
    with pytest.raises(Damaged):
        audit(source, key=new_signer().verifier)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=st.integers(0, SIZE - 1), pinned=st.booleans())
def test_an_edited_entry_is_named(log: Log, tmp_path: Path, index: int, pinned: bool) -> None:
    """An entry that was changed in place is named by its index, by whoever looks at the whole log."""
    folder = copy(log, Path(tempfile.mkdtemp(dir=tmp_path)) / "copy")
    edit(folder, index)
    since = (folder / "checkpoint/300").read_bytes() if pinned else None
    if pinned and index < 300:  # what lies before the pin is not read again
        assert audit(FolderSource(str(folder)), key=log.signer.verifier, since=since).read == 300
    else:
        with pytest.raises(LogDamaged) as refused:
            audit(FolderSource(str(folder)), key=log.signer.verifier, since=since)
        assert (refused.value.first, refused.value.last) == (index, index)
    shutil.rmtree(folder)


@pytest.mark.parametrize("index", [0, 255, 256, 511, 599])
def test_with_false_tiles_the_range_is_the_smallest_that_can_be_known(log: Log, tmp_path: Path, index: int) -> None:
    """When the hash tile was changed to fit the entry, the range is that of the tile, or of what no pin proves."""
    folder = copy(log, tmp_path / "copy")
    edit(folder, index)
    for path in (folder / "tile/0").rglob("*"):
        number, width = index // WIDTH, int(path.name) if path.parent.suffix == ".p" else WIDTH
        stem = path.parent.stem if path.parent.suffix == ".p" else path.name
        if path.is_file() and int(stem) == number and index % WIDTH < width:
            data = bytearray(path.read_bytes())
            data[index % WIDTH * 32] ^= 1
            path.write_bytes(data)
    with pytest.raises(LogDamaged) as refused:
        audit(FolderSource(str(folder)), key=log.signer.verifier)
    first, last = refused.value.first, refused.value.last
    assert first <= index <= last
    assert last - first < 300


def rewritten(log: Log, folder: Path, at: int) -> Log:
    """A log by the same key whose past is another from the leaf ``at`` on, with no older checkpoints left."""
    other = make_log(folder, signer=log.signer)
    with log.database.read() as connection:
        kept = entries(connection, 1, 0, at)
    apply_leaves(other.database, state(other.database), 0, kept)
    other.add(*range(10_000, 10_000 + SIZE - at))
    other.publish()
    return other


@pytest.mark.parametrize("at", [0, 100, 299, 300, 450, 599])
def test_a_log_rewritten_and_signed_anew_is_refused(log: Log, tmp_path: Path, at: int) -> None:
    """Whoever holds the key and rewrites the past is caught: a follower names the first leaf, a pin the range."""
    memory = str(tmp_path / "state")
    audit(FolderSource(str(log.tiles)), key=log.signer.verifier, state=memory)
    other = rewritten(log, tmp_path / "other", at)
    source = FolderSource(str(other.tiles))
    assert audit(source, key=log.signer.verifier).head.size == SIZE  # nothing in itself gives it away
    with pytest.raises(LogDamaged) as refused:
        audit(source, state=memory)
    assert (refused.value.first, refused.value.last) == (at, at)
    since = (log.tiles / "checkpoint/300").read_bytes()
    if at < 300:
        with pytest.raises(LogDamaged) as refused:
            audit(source, key=log.signer.verifier, since=since)
        assert (refused.value.first, refused.value.last) == (0, 299)
    else:
        assert audit(source, key=log.signer.verifier, since=since).read == 300


def test_a_shortened_log_is_refused(log: Log, tmp_path: Path) -> None:
    """A log that shows fewer leaves than were signed is refused, with the range that is gone."""
    folder = copy(log, tmp_path / "copy")
    since = (log.tiles / "checkpoint/600").read_bytes()
    (folder / "checkpoint/600").unlink()
    with pytest.raises(LogDamaged) as refused:
        audit(FolderSource(str(folder)), key=log.signer.verifier, since=since)
    assert (refused.value.first, refused.value.last) == (300, 599)


@pytest.mark.parametrize(("gone", "last"), [((600,), 599), ((600, 300), 599), ((600, 300, 1), 599), ((300, 600), 511)])
def test_a_checkpoint_that_was_taken_away_is_noticed_without_any_pin(
    log: Log, tmp_path: Path, gone: tuple[int, ...], last: int
) -> None:
    """Whoever removes the newest checkpoints leaves tiles behind: the range that no checkpoint covers is named, whether
    its partial tiles are there or only the full ones, and a log that would be empty is not called good."""
    folder = copy(log, tmp_path / "copy")
    for size in gone:
        (folder / f"checkpoint/{size}").unlink()
    if last == 511:
        for partial in (folder / "tile").rglob("*.p"):
            shutil.rmtree(partial)
        (folder / tiles.path("entries", 0, 1)).parent.mkdir()
        for level in ("entries", 0):
            path = folder / tiles.path(level, 0, 1)
            path.parent.mkdir(exist_ok=True)
            shutil.copy(log.tiles / tiles.path(level, 0, 1), path)
    with pytest.raises(LogDamaged) as refused:
        audit(FolderSource(str(folder)), key=log.signer.verifier)
    assert (refused.value.first, refused.value.last) == (max({0, 1, 300, 600} - set(gone)), last)


@pytest.mark.parametrize("what", ["tile/entries/000", "tile/0/001", "tile/1/000.p/2", "tile/entries/002.p/88"])
def test_a_file_that_is_gone_or_cut_is_named(log: Log, tmp_path: Path, what: str) -> None:
    """A missing, cut or swapped file of the log is refused with the indexes that it covers."""
    for action in ("remove", "cut", "noise"):
        folder = copy(log, tmp_path / action)
        path = folder / what
        data = path.read_bytes()
        path.unlink() if action == "remove" else path.write_bytes(data[:-1] if action == "cut" else data[::-1])
        with pytest.raises(LogDamaged) as refused:
            audit(FolderSource(str(folder)), key=log.signer.verifier)
        number = int(what.split("/")[2].split(".", maxsplit=1)[0])
        span = WIDTH if what.startswith(("tile/0", "tile/entries")) else WIDTH * WIDTH
        assert number * span <= refused.value.first <= refused.value.last < (number + 1) * span


def test_a_broken_chain_is_named(tmp_path: Path) -> None:
    """A log whose tree is whole but in which a repository's receipt was left out is refused at the next one."""
    log = make_log(tmp_path / "log", 5)
    log.add(5)
    with log.database.write() as connection:
        connection.exec_driver_sql("DELETE FROM leaf WHERE position IS NULL")
    log.add(6)
    log.publish()
    with pytest.raises(LogDamaged, match="chain") as refused:
        audit(FolderSource(str(log.tiles)), key=log.signer.verifier)
    assert refused.value.first == 5


def test_a_head_that_is_no_checkpoint_is_refused(log: Log, tmp_path: Path) -> None:
    """Noise, another signer's head and a folder without a log are refused with our errors."""
    folder = copy(log, tmp_path / "copy")
    newest = folder / "checkpoint/600"
    text = newest.read_bytes()
    for data in (b"", b"\xff", text.replace(b"600", b"601", 1), text[:-10], text.replace(b"\n\n", b"\n")):
        newest.write_bytes(data)
        with pytest.raises(StrongroomError):
            audit(FolderSource(str(folder)), key=log.signer.verifier)
    with pytest.raises(StrongroomError):
        audit(FolderSource(str(tmp_path / "none")), key=log.signer.verifier)
