"""A log never forks itself: a database that is behind takes its leaves back from the tiles, or signs nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from strongroom.base.clock import SystemClock
from strongroom.base.errors import Unavailable
from strongroom.database.engine import Database
from strongroom.receipts.audit.audit import audit
from strongroom.receipts.audit.log_source import FolderSource
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.committer import commit_group
from strongroom.receipts.commit.log_state import entries, state
from strongroom.receipts.log import tiles
from strongroom.receipts.log.leaf import parse
from tests.support.logs import Log, draft, make_log


def restored(log: Log, folder: Path) -> Log:
    """The log with the database that was copied to the folder."""
    log.database.close()
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        path = log.folder / name
        path.unlink(missing_ok=True)
        if (folder / name).exists():
            shutil.copy(folder / name, path)
    return Log(log.folder, log.signer, Database(f"sqlite:///{log.folder}/state.db"))


def copied(log: Log, folder: Path) -> Path:
    """A copy of the log's database."""
    folder.mkdir()
    with sqlite3.connect(log.folder / "state.db") as source, sqlite3.connect(folder / "state.db") as target:
        source.backup(target)
    return folder


@pytest.mark.parametrize(("before", "after"), [(10, 20), (100, 700), (256, 512), (0, 300)])
def test_a_restored_database_is_brought_up_from_the_tiles(tmp_path: Path, before: int, after: int) -> None:
    """With yesterday's database, the leaves since then come back from the tiles; chains and log go on from there."""
    log = make_log(tmp_path / "log", before)
    log.publish()
    kept = copied(log, tmp_path / "kept")
    log.add(*range(before, after))
    log.publish()
    with log.database.read() as connection:
        whole = entries(connection, 1, 0, after)
    log = restored(log, kept)
    log.publish()
    committed = log.add(9999)[0]
    assert parse(committed.data).sequence == after
    log.publish()
    with log.database.read() as connection:
        assert entries(connection, 1, 0, after + 1) == [*whole, committed.data]
    assert audit(FolderSource(str(log.tiles)), key=log.signer.verifier).head.size == after + 1


def test_receipts_that_were_pending_in_the_copy_get_their_old_place(tmp_path: Path) -> None:
    """Leaves that the copy holds without an index are not logged twice: they take the index that was published."""
    log = make_log(tmp_path / "log", 5)
    log.add(5, 6, 7)
    kept = copied(log, tmp_path / "kept")
    log.add(8)
    log.publish()
    log = restored(log, kept)
    log.publish()
    assert state(log.database).published == 9
    audit(FolderSource(str(log.tiles)), key=log.signer.verifier)


def test_receipts_made_before_the_replay_are_logged_after_it(tmp_path: Path) -> None:
    """What came before a restored database was compared enters the log, behind what is taken back in its chain.

    A gateway gives no receipt then; an operator's verb may. A leaf from the old end would stop every follower for good.
    """
    log = make_log(tmp_path / "log", 5)
    kept = copied(log, tmp_path / "kept")
    log.add(5)
    log.publish()
    log = restored(log, kept)
    early = log.add(77)[0]
    log.publish()
    with log.database.read() as connection:
        entered = parse(entries(connection, 1, 6, 7)[0])
    assert (entered.name, entered.sequence) == (parse(early.data).name, 6)
    assert audit(FolderSource(str(log.tiles)), key=log.signer.verifier).head.size == 7


def test_no_receipt_is_given_out_while_the_database_is_older_than_the_log(tmp_path: Path) -> None:
    """Whoever commits compares with the newest head that was kept; an older head is nobody's fault."""
    log = make_log(tmp_path / "log", 5)

    def commit(size: int, origin: str = log.signer.name) -> None:
        commit_group(log.database, [draft(5)], SystemClock(), "", signed=lambda: (origin, size))

    for size, origin in ((6, log.signer.name), (1, "another.example/log")):
        with pytest.raises(Unavailable, match="older than the log"):
            commit(size, origin)
    for size in (5, 4, 0):
        commit(size)
    with log.database.write() as connection:  # it cannot be brought up: objects are stored on, and nothing is promised
        connection.execute(schema.log.update().values(alarm="the tiles are gone"))
    commit(6)


@pytest.mark.parametrize("what", ["tile/entries/000.p/20", "changed", "tile/entries"])
def test_without_the_tiles_nothing_is_signed(tmp_path: Path, what: str) -> None:
    """When the tiles are gone or wrong, receipts are still committed, but nothing is signed, and an alarm stands."""
    log = make_log(tmp_path / "log", 10)
    kept = copied(log, tmp_path / "kept")
    log.add(*range(10, 20))
    log.publish()
    bundle = log.tiles / tiles.path("entries", 0, 20)
    data = bundle.read_bytes()
    if what == "changed":
        bundle.write_bytes(data[:-3] + b"xxx")
    elif what == "tile/entries":
        shutil.rmtree(log.tiles / what)
    else:
        bundle.unlink()
    log = restored(log, kept)
    log.add(99)
    sequencer = log.sequencer()
    for _ in range(2):
        assert not sequencer.step()
        assert sequencer.failure is not None
    now = state(log.database)
    assert now.alarm is not None
    assert now.published == 10
    if what != "tile/entries":  # put right, the alarm goes and the log goes on
        bundle.write_bytes(data)
        sequencer.step()
        assert state(log.database).alarm is None
        assert state(log.database).published == 21
    sequencer.close()


@pytest.mark.parametrize("count", [5, 20])
def test_a_database_that_says_something_else_signs_nothing(tmp_path: Path, count: int) -> None:
    """A database that signed other leaves than those under the kept checkpoint stops, be it shorter or longer."""
    log = make_log(tmp_path / "log", 10)
    other = make_log(tmp_path / "other", signer=log.signer)
    other.add(*range(100, 100 + count))
    other.publish()
    stray = Log(log.folder, log.signer, other.database)
    stray.add(999)
    sequencer = stray.sequencer()
    assert not sequencer.step()
    now = state(stray.database)
    assert now.alarm is not None
    assert now.published == count
    assert [path.name for path in (log.tiles / "checkpoint").iterdir()] == ["10"]
    with stray.database.read() as connection:
        assert len(entries(connection, 1, 0, count)) == count
