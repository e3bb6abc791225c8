"""A gateway whose database was put back from a copy: it goes on where its log ends, or signs nothing and says why."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.receipts.audit.audit import audit
from strongroom.receipts.audit.log_source import HttpSource
from strongroom.receipts.commit.tail import read_tail
from strongroom.receipts.log.note import Verifier
from tests.support import peers
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers import postgres
from tests.support.servers.gateway_inside import leaves, operate
from tests.support.servers.gateways import Gateway, name_of, over_bucket
from tests.support.waiting import until

FLAGS = ("--no-auth", "--append-only", "--public-log")
BEFORE, AFTER = 20, 300


@pytest.fixture
def gateway(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with a repository of some objects, over the kind of place that is asked for."""
    made = Gateway(tmp_path, flags=FLAGS) if request.param == "disk" else over_bucket(tmp_path, flags=FLAGS)
    with made:
        made.make()
        upload(made, 0, BEFORE)
        made.settle()
        yield made


def upload(gateway: Gateway, start: int, end: int) -> None:
    """Objects with these numbers."""
    for at in range(start, end, 20):
        bodies = [b"%d" % number for number in range(at, min(end, at + 20))]
        done = gateway.put_at_once([(f"/web01/data/{name_of(body)}", body) for body in bodies])
        assert set(done) == {200}, done


def files(gateway: Gateway) -> Path:
    """Where the database is."""
    return gateway.home if gateway.store else gateway.home / ".strongroom"


def copy(gateway: Gateway, folder: Path) -> None:
    """What ``cp gateway.db*`` of a running gateway makes."""
    folder.mkdir()
    for path in files(gateway).glob("gateway.db*"):
        if path.name in ("gateway.db", "gateway.db-wal", "gateway.db-shm"):
            shutil.copy2(path, folder)


def follow(gateway: Gateway, state: Path) -> int:
    """What a follower sees, who remembers what it saw before; fails when the log is not the one that it was."""
    found = audit(
        HttpSource(f"http://{gateway.address}/.strongroom/log"), key=Verifier.parse(gateway.key), state=str(state)
    )
    return found.head.size


@pytest.mark.parametrize(
    ("gateway", "what"),
    [
        ("disk", "database"),
        ("disk", "database and its log"),
        ("disk", "database under a newer log"),
        ("disk", "nothing"),
        ("disk", "no file"),
        ("bucket", "database"),
    ],
    indirect=["gateway"],
)
def test_x_3_a_database_that_was_put_back_forks_nothing(gateway: Gateway, tmp_path: Path, what: str) -> None:
    """X-3: whatever of the database is put back after a kill, what a follower saw stays true: the gateway goes on from
    there, or is refused with the name of the file that does not fit, and serves when that is moved away."""
    copy(gateway, tmp_path / "kept")
    upload(gateway, BEFORE, AFTER)
    assert operate(gateway, "panic", "web01")[0] == 0
    gateway.settle()
    state = tmp_path / "follower"
    seen = follow(gateway, state)
    assert seen == 1 + AFTER + 1
    gateway.kill()
    database, wal = files(gateway) / "gateway.db", files(gateway) / "gateway.db-wal"
    if what != "nothing":
        database.unlink()
    if what in ("database", "database and its log", "no file"):
        wal.unlink()
        (files(gateway) / "gateway.db-shm").unlink()
    if what.startswith("database"):
        shutil.copy2(tmp_path / "kept/gateway.db", database)
    if what == "database and its log":
        shutil.copy2(tmp_path / "kept/gateway.db-wal", wal)
    refused = serve(gateway)
    if refused is not None:
        assert what == "database under a newer log", refused
        assert str(wal) in refused
        assert "Traceback" not in refused
        wal.rename(tmp_path / "moved-away")
    gateway.start()
    assert gateway.put(f"/web01/data/{name_of(b'late')}", b"late") == 403  # the panic of the log is not forgotten
    assert gateway.ask("GET", "/health").status == 200
    assert operate(gateway, "panic", "web01", "--off")[0] == 0
    until(lambda: gateway.put(f"/web01/data/{name_of(b'late')}", b"late") == 200, gateway.said)
    gateway.settle()
    assert follow(gateway, state) == seen + 2
    gateway.stop()
    done = (
        run([STRONGROOM, "log", "verify", str(gateway.log)], env=environment(tmp_path)) if not gateway.store else None
    )
    assert done is None or done.code == 0, done.err


def serve(gateway: Gateway) -> str | None:
    """Why the gateway refuses to start; None when it starts, and is then ended again."""
    try:
        gateway.start()
    except AssertionError:
        return gateway.said()
    gateway.kill()
    return None


def test_x_3_without_its_tiles_an_old_database_promises_nothing(tmp_path: Path) -> None:
    """X-3: where the entries are gone, objects are stored, no receipt is promised, nothing is signed, and /health says
    why; when they are back, what came meanwhile goes on behind them, and the whole log is good."""
    with Gateway(tmp_path, flags=FLAGS) as gateway:
        gateway.make()
        gateway.stop()
        assert not (files(gateway) / "gateway.db-wal").exists()
        copy(gateway, tmp_path / "kept")
        gateway.start()
        upload(gateway, 0, 20)
        gateway.settle()
        gateway.kill()
        shutil.copy2(tmp_path / "kept/gateway.db", files(gateway))
        for name in ("gateway.db-wal", "gateway.db-shm"):
            (files(gateway) / name).unlink()
        (gateway.log / "tail").rename(tmp_path / "tail")
        tiles = gateway.log / "tile"
        if tiles.exists():  # stored before the kill, or not: either way the entries are gone
            tiles.rename(tmp_path / "tile")
        kept = read_tail(str(tmp_path / "tail"))
        assert kept is not None
        (gateway.log / "checkpoint/21").write_bytes(kept.head.encode())
        gateway.start()

        def told() -> bool:
            """The log is compared after the start."""
            health = gateway.ask("GET", "/health")
            words = str(health.json()["problems"])
            return health.status == 503 and "the store has a checkpoint of " in words and "the database only 1" in words

        until(told, gateway.said)
        answer = gateway.ask("POST", f"/web01/data/{name_of(b'late')}", b"late")
        assert answer.status == 200
        assert "strongroom-receipt" not in answer.headers
        if (tmp_path / "tile").exists():
            (tmp_path / "tile").rename(tiles)
        (tmp_path / "tail").rename(gateway.log / "tail")
        said: list[list[str]] = []

        def well() -> bool:
            said.append(gateway.ask("GET", "/health").json()["problems"])
            return not said[-1]

        until(well, gateway.said, pause=0.2)
        assert max(map(len, said)) == 1  # both the database and the worker know of the alarm, which is one
        until(lambda: "strongroom-receipt" in gateway.ask("POST", f"/web01/data/{name_of(b'late')}", b"late").headers)
        gateway.settle()
    names = [one.name for one in leaves(gateway)]
    assert len(names) == len(set(names)) == 22
    assert names[-1] == name_of(b"late")
    assert run([STRONGROOM, "log", "verify", str(gateway.log)], env=environment(tmp_path)).code == 0


@pytest.mark.parametrize("running", [False, True])
def test_x_3_a_dump_that_was_restored_forks_nothing(tmp_path: Path, running: bool) -> None:
    """X-3: a gateway whose PostgreSQL was restored from a dump goes on where a follower saw its log end, also when that
    is done under a running gateway, or an operator's verb comes before the gateway; a panic since the dump holds."""
    tools = Path(peers.require("postgres")).resolve().parent

    def tool(name: str, *words: str, data: bytes = b"") -> bytes:
        done = subprocess.run([tools / name, *words], input=data, check=True, capture_output=True, timeout=60)
        return done.stdout

    with postgres.running() as url:
        at = ("-h", url.rpartition("=")[2], "-U", "strongroom", "postgres")
        with Gateway(tmp_path, flags=(*FLAGS, "--database", url)) as gateway:
            gateway.make()
            gateway.make("web02")
            upload(gateway, 0, BEFORE)
            dump = tool("pg_dump", *at)
            upload(gateway, BEFORE, 2 * BEFORE)
            assert operate(gateway, "panic", "web02")[0] == 0
            gateway.settle()
            seen = follow(gateway, tmp_path / "follower")
            if not running:
                gateway.kill()
            empty = b"DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
            data = empty + dump.replace(b"CREATE SCHEMA public;", b"")
            tool("psql", "-v", "ON_ERROR_STOP=1", "--single-transaction", *at, data=data)
            if not running:
                assert operate(gateway, "panic", "web01")[0] == 0
                gateway.start()
                assert operate(gateway, "panic", "web01", "--off")[0] == 0
            until(lambda: gateway.put(f"/web01/data/{name_of(b'late')}", b"late") == 200, gateway.said)
            until(lambda: gateway.put(f"/web02/data/{name_of(b'late')}", b"late") == 403, gateway.said)
            gateway.settle()
            assert follow(gateway, tmp_path / "follower") == seen + (1 if running else 3)
