"""Committing, sequencing and publishing: chains, tiles, checkpoints, two sequencers, the foreign verifier."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom.base.clock import SystemClock
from strongroom.base.errors import ConfigurationError, Damaged, Exists, Unsupported
from strongroom.database.engine import Database
from strongroom.database.network_mounts import network_file_system
from strongroom.receipts.commit import schema
from strongroom.receipts.commit.committer import Committer
from strongroom.receipts.commit.log_state import migrate, node_of, state
from strongroom.receipts.commit.sequencer import Sequencer
from strongroom.receipts.commit.signing_key import load, load_or_create
from strongroom.receipts.log import tiles
from strongroom.receipts.log.checkpoint import open_checkpoint
from strongroom.receipts.log.leaf import NO_HASH, LeafType, hash_of, parse
from strongroom.receipts.log.merkle import Edge, inclusion_proof, leaf_hash, verify_inclusion
from strongroom.storage.own.folder import FolderFiles
from tests.support import go_verifier
from tests.support.logs import REPOSITORY, Log, draft, make_log
from tests.support.waiting import kept, until


def leaves(log: Log) -> list[bytes]:
    """The log's leaves, in order."""
    with log.database.read() as connection:
        query = sa.select(schema.leaf.c.data).where(schema.leaf.c.position.is_not(None))
        return list(connection.execute(query.order_by(schema.leaf.c.position)).scalars())


def test_receipts_of_a_repository_are_chained(tmp_path: Path) -> None:
    """Each repository counts its receipts from 0 and names the leaf before; a name that returns says where it began."""
    log = make_log(tmp_path)
    log.add(1, 2)
    log.add(7, repository="b" * 32)
    committed = log.add(3, 1)
    receipts = [parse(one.data) for one in committed]
    assert [r.sequence for r in receipts] == [2, 3]
    assert receipts[1].previous == committed[0].hash
    assert receipts[0].first is None
    assert receipts[1].first == 0
    log.publish()
    ends: dict[str, tuple[int, str]] = {}
    for data in leaves(log):
        receipt = parse(data)
        expected = ends.get(receipt.repository, (0, NO_HASH))
        assert (receipt.sequence, receipt.previous) == expected
        ends[receipt.repository] = (receipt.sequence + 1, hash_of(data))
    assert {at: end[0] for at, end in ends.items()} == {REPOSITORY: 4, "b" * 32: 1}


def test_an_object_that_is_there_gets_no_second_receipt(tmp_path: Path) -> None:
    """With ``unless_present`` the first receipt is found again, until the object went to the trash."""
    log = make_log(tmp_path)
    committer = Committer(log.database, SystemClock())
    once = draft(1, unless_present=True)
    first = committer.commit(once)
    again = committer.commit(once)
    assert (first.new, again.new) == (True, False)
    assert again.data == first.data
    trashed = draft(1)
    committer.commit(type(trashed)(LeafType.TRASH, REPOSITORY, "data", trashed.name, trashed.sha256, 1))
    assert committer.commit(once).new
    committer.close()


def test_many_threads_commit_in_groups(tmp_path: Path) -> None:
    """Receipts that wait together share transactions, none is lost, and a bad draft fails alone."""
    log = make_log(tmp_path)
    committer = Committer(log.database, SystemClock())
    futures = [committer.submit(draft(n, repository=f"{n % 3}" * 32)) for n in range(200)]
    with pytest.raises(ValueError, match="name"):
        committer.submit(draft(1, name="bad"))
    assert len({future.result().hash for future in futures}) == 200
    committer.close()
    log.publish()
    assert state(log.database).published == 200


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_the_folder_of_a_log_is_one_for_a_foreign_verifier(tmp_path: Path, size: int) -> None:
    """Go's tlog and note accept every entry, tile and checkpoint that lies in the folder, and not a changed entry."""
    program = go_verifier.build(tmp_path)
    log = make_log(tmp_path / "log", size)
    arguments = ("tree", log.tiles, log.checkpoint(), log.verifier)
    assert go_verifier.run(program, *arguments) == (True, f"accepted {size}\n")
    path = log.tiles / tiles.path("entries", 0, min(size, 256))
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    assert not go_verifier.run(program, *arguments)[0]


def test_a_log_that_grows_in_steps_has_the_tree_of_one_that_grew_at_once(tmp_path: Path) -> None:
    """Roots, tiles and proofs do not depend on the steps in which leaves came."""
    log = make_log(tmp_path)
    edge = Edge()
    total = 0
    for step in (1, 2, 253, 1, 255, 300):
        log.add(*range(total, total + step))
        total += step
        log.publish()
        for data in leaves(log)[edge.size :]:
            edge.append(leaf_hash(data))
        now = state(log.database)
        assert now.checkpoint is not None
        head = open_checkpoint(now.checkpoint, log.signer.verifier)
        assert (head.size, head.root) == (total, edge.root())
    with log.database.read() as connection:
        node = node_of(connection, 1, total)
        for index, data in enumerate(leaves(log)):
            verify_inclusion(index, total, leaf_hash(data), inclusion_proof(node, index, total), edge.root())


def test_two_sequencers_race_on_one_file(tmp_path: Path) -> None:
    """Two sequencers that ignore the lease give every receipt one index, and the tiles agree with the tree."""
    log = make_log(tmp_path / "log")
    sequencers = [log.sequencer() for _ in range(2)]
    for one in sequencers:
        one._lease.take = lambda: True  # type: ignore[method-assign]
        one._lease.unbroken = True
    failures: list[BaseException] = []
    done = threading.Event()

    def work(number: int) -> None:
        try:
            while not done.is_set():
                sequencers[number].step()
            while sequencers[number].step():
                pass
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for n in range(60):
        log.add(*range(n * 10, n * 10 + 10))
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    log.publish()
    assert len(leaves(log)) == state(log.database).published == 600
    accepted = go_verifier.run(go_verifier.build(tmp_path), "tree", log.tiles, log.checkpoint(), log.verifier)
    assert accepted == (True, "accepted 600\n")


def test_whatever_goes_wrong_the_next_round_tries_again(tmp_path: Path) -> None:
    """A store that fails as no store should, as with a full disk's OSError, stops the sequencer's thread no more than
    another error does."""
    log = make_log(tmp_path)

    told: list[str | None] = []

    class Full(FolderFiles):
        rounds = 0

        def write_once(self, path: str, data: bytes) -> None:
            if path.startswith("checkpoint/"):
                Full.rounds += 1
                told.append(sequencer.failure)
            if path.startswith("checkpoint/") and Full.rounds < 3:
                raise OSError(28, "No space left on device")
            super().write_once(path, data)

    sequencer = Sequencer(log.database, Full(str(log.tiles)), log.signer, SystemClock(), pause=0.01)
    sequencer.start()
    log.add(1)
    until((log.tiles / "checkpoint/1").exists)
    sequencer.close()
    assert Full.rounds >= 3
    assert told[1:3] == ["the log cannot be written: No space left on device"] * 2


def test_only_the_holder_of_the_lease_works_until_it_ends(tmp_path: Path) -> None:
    """While one sequencer holds the lease the other does nothing; a lease that ended or cannot be is taken over."""
    log = make_log(tmp_path)
    log.add(1)
    first, second = log.sequencer(), log.sequencer()
    first.step()
    log.add(2)
    second.step()
    assert state(log.database).published == 1
    with log.database.write() as connection:
        connection.execute(schema.lease.update().values(until_ns=2**62))  # written by a clock far ahead
    second.step()
    assert state(log.database).published == 2


def test_a_checkpoint_follows_an_answer_within_five_seconds(tmp_path: Path) -> None:
    """With the shipped pauses, a receipt is under a signed checkpoint less than five seconds after its commit."""
    log = make_log(tmp_path)
    sequencer = log.sequencer(store_seconds=600.0)
    sequencer.start()

    def published() -> float:
        size = state(log.database).published + 1
        log.add(size)
        begun = time.monotonic()
        until(lambda: state(log.database).published == size)
        return time.monotonic() - begun

    kept(5, published)
    sequencer.close()


def test_migrations_make_the_tables_that_the_code_uses(tmp_path: Path) -> None:
    """The migrated tables have exactly the declared columns, twice is once, and a newer database is refused."""
    log = make_log(tmp_path)
    inspector = sa.inspect(log.database.engine)
    for table in schema.METADATA.sorted_tables:
        assert [c["name"] for c in inspector.get_columns(table.name)] == [c.name for c in table.columns]
    migrate(log.database)
    with log.database.write() as connection:
        connection.execute(sa.text("INSERT INTO migration VALUES ('receipts', 99, 0)"))
    with pytest.raises(Unsupported):
        migrate(log.database)


def test_sqlite_is_durable_and_refused_on_network_mounts(tmp_path: Path) -> None:
    """Connections run with a write-ahead log and synchronous=FULL; network file systems are known by their mounts."""
    log = make_log(tmp_path)
    with log.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:9 / /srv/with\\040space rw - nfs4 nas:/x rw\n"
        "3 2 8:2 / /srv/with\\040space/local rw - xfs /dev/sdb rw\n"
    )
    assert network_file_system("/srv/with space/state", str(mounts)) == "nfs4"
    assert network_file_system("/srv/with space/local/state", str(mounts)) is None
    assert network_file_system("/srv/with spaces", str(mounts)) is None
    for url in ("sqlite://", "mysql://x/y", "nonsense"):
        with pytest.raises(ConfigurationError):
            Database(url)


def test_a_second_database_takes_no_locks_away(tmp_path: Path) -> None:
    """A file that is opened twice in one process stays locked: the next process to close it must not clear its log."""
    log = make_log(tmp_path)
    second = Database(f"sqlite:///{tmp_path}/state.db")
    other = "import sqlite3, sys; it = sqlite3.connect(sys.argv[1]); it.execute('SELECT * FROM log'); it.close()"
    subprocess.run([sys.executable, "-c", other, str(tmp_path / "state.db")], check=True)
    assert (tmp_path / "state.db-wal").exists()
    log.add(1)
    with second.read() as connection:
        assert connection.execute(sa.select(schema.leaf)).all()
    second.close()


def test_the_signing_key_is_private_and_stays(tmp_path: Path) -> None:
    """The key is made once with mode 0600, is the same afterwards, and is refused when others can read it."""
    path = str(tmp_path / "log.key")
    made = load_or_create(path, "a/b")
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert str(load_or_create(path, "a/b").verifier) == str(made.verifier)
    os.chmod(path, 0o640)
    with pytest.raises(ConfigurationError, match="others"):
        load(path, "a/b")


def test_a_tile_store_never_replaces(tmp_path: Path) -> None:
    """The same bytes again are success, other bytes are refused, and nothing leaves the folder."""
    store = FolderFiles(str(tmp_path / "log"))
    store.write_once("tile/0/x001/234", b"a")
    store.write_once("tile/0/x001/234", b"a")
    with pytest.raises(Exists):
        store.write_once("tile/0/x001/234", b"b")
    assert store.read("tile/0/x001/234") == b"a"
    assert os.listdir(tmp_path / "log/tile/0/x001") == ["234"]
    for bad in ("../x", "/etc/passwd", "a//b", "a/../b", ""):
        with pytest.raises(ValueError, match="path"):
            store.write_once(bad, b"")


def test_bundles_hold_exactly_what_is_asked() -> None:
    """A bundle with a wrong count, a cut entry or trailing bytes is damaged."""
    data = tiles.bundle([b"a", b"", b"ccc"])
    assert tiles.unbundle(data, 3) == [b"a", b"", b"ccc"]
    for wrong, count in ((data, 2), (data, 4), (data[:-1], 3), (data + b"\0", 3)):
        with pytest.raises(Damaged):
            tiles.unbundle(wrong, count)
