"""Dumps count only when they are whole, whatever their servers and programs do."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg import sql

from strongroom.base.errors import StrongroomError
from strongroom.fleet.host.dumps import program, sqlite
from strongroom.fleet.host.dumps.contract import DumpFailed
from strongroom.fleet.host.dumps.kinds import dump_of
from strongroom.fleet.host.dumps.sizes import DumpSizes
from strongroom.fleet.host.dumps.stream import DumpStream
from strongroom.fleet.host.dumps.trying import try_dump
from tests.support import peers
from tests.support.servers import mariadb, postgres

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ODD_NAMES = (
    "a space", "it's", 'quo"te', "new\nline", "schön ☃", "back`tick", "back\\slash'", "per%cent", "-dash",
    "--all-databases", "a=b", "dbname=shop host=nowhere", "postgresql://nowhere/shop", "$HOME",
)  # fmt: skip
LARGE = 12 << 20
"""Bytes of a database that fit into no pipe and no socket's buffer between us and the server."""


class Reader:
    """Somebody who reads a dump as a backup does."""

    def __init__(self, table: dict[str, Any], folder: Path, password: str | None = None) -> None:
        self.warnings: list[str] = []
        self.stream = DumpStream(dump_of("web", "shop", table, password), DumpSizes(str(folder)), self.warnings.append)
        self.data = b""

    def read(self, midway: Callable[[], None] | None = None) -> bytes:
        """All of it, and its end looked at. ``midway`` is called once, when the first bytes are there."""
        source = self.stream.start()
        try:
            while piece := os.read(source, 1 << 16):
                self.data += piece
                if midway is not None:
                    midway()
                    midway = None
            self.stream.must_be_whole(lambda: False)
            self.stream.saved()
        finally:
            self.stream.release()
        return self.data


def command(script: str, **more: Any) -> dict[str, Any]:
    return {"kind": "command", "command": ("sh", "-c", script), **more}


def test_a_command_that_prints_all_is_taken(tmp_path: Path) -> None:
    """Everything that it prints is there, in order."""
    assert Reader(command("seq 100000"), tmp_path).read() == b"".join(b"%d\n" % n for n in range(1, 100001))


def test_what_a_dump_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    """It keeps the pipe, so that no end of the output ever comes, and the backup never would."""
    pid = int(Reader(command("setsid sleep 600 & echo $!"), tmp_path).read())
    os.kill(pid, 9)


@pytest.mark.parametrize(
    ("table", "what"),
    [
        (command("seq 10; exit 4"), "exit code 4"),
        (command("seq 10; kill -9 $$"), "signal 9"),
        (command(":"), "empty"),
        (command("echo some", last_line="-- done"), "cut off"),
        (command("seq 10; sleep 600", timeout="1s"), "within 1 s"),
        (command("seq 10; exec >&-; sleep 600"), "signal 15"),
        ({"kind": "command", "command": ("/nowhere/dump",)}, "cannot be started"),
        ({"kind": "sqlite", "file": "/nowhere.db"}, "no such file"),
    ],
)
def test_half_a_dump_is_none(table: dict[str, Any], what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-13: A failed, silent, cut or slow program, and a missing file, each say what happened to which database."""
    monkeypatch.setattr(program, "_LINGERING", 1.0)
    with pytest.raises(DumpFailed, match=what) as caught:
        Reader(table, tmp_path).read()
    assert caught.value.subject.startswith("web.database.shop")


def test_a_server_that_hangs_holds_up_no_backup_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-13: without a timeout too: what gives nothing for hours is no dump; its own timeout may be longer than that."""
    monkeypatch.setattr(program, "SILENT_SECONDS", 0.2)
    with pytest.raises(DumpFailed, match="gave nothing for"):
        Reader(command("echo some; sleep 600; echo end"), tmp_path).read()
    slow = command("echo some; sleep 1; echo end", timeout="10m")
    assert Reader(slow, tmp_path).read() == b"some\nend\n"


def test_what_a_failed_program_said_is_told_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of its messages stands in the hint; passwords of its environment and of URLs do not."""
    monkeypatch.setenv("SHOP_PASSWORD", "hunter22")
    with pytest.raises(DumpFailed) as caught:
        Reader(command("echo $SHOP_PASSWORD postgresql://me:topsecret@db/shop >&2; exit 1"), tmp_path).read()
    assert caught.value.hint == "It said: *** postgresql://me:***@db/shop"


def test_a_dump_that_shrank_is_warned_of(tmp_path: Path) -> None:
    """Less than half of the last one is a warning with both sizes; the same size is none."""
    for script, warned in (("seq 1000", 0), ("seq 1000", 0), ("seq 100", 1), ("seq 100", 0)):
        reader = Reader(command(script), tmp_path)
        reader.read()
        assert len(reader.warnings) == warned
        assert all("292 bytes, less than half of the last one's 3893" in text for text in reader.warnings)


def test_whoever_reads_no_more_leaves_no_program_behind(tmp_path: Path) -> None:
    """A dump that is given up in the middle is ended, with what it started."""
    reader = Reader(command(f"echo $$ > {tmp_path}/pid; yes | cat"), tmp_path)
    assert os.read(reader.stream.start(), 2) == b"y\n"
    reader.stream.release()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize("name", ["a b.db", "new\nline", "-dash", "?mode=rwc", "a%20b", "#", ":memory:"])
def test_sqlite_takes_any_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name alone, by its path, and by one that begins with two slashes: what is in it is dumped."""
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / name)) as database, database:
        database.execute("CREATE TABLE of_odd_name (x)")
    for path in (name, str(tmp_path / name), f"/{tmp_path}/{name}"):
        assert b"of_odd_name" in Reader({"kind": "sqlite", "file": path}, tmp_path / "state").read()


def test_an_sqlite_file_behind_a_link_is_that_which_everybody_opens(tmp_path: Path) -> None:
    """What stands behind a link and two dots is beside the folder that the link leads to, not beside the link."""
    (tmp_path / "releases/new").mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/new")
    for folder in ("", "releases"):
        with contextlib.closing(sqlite3.connect(tmp_path / folder / "shop.db")) as database, database:
            database.execute(f"CREATE TABLE of_{folder or 'nobody'} (x)")
    found = Reader({"kind": "sqlite", "file": f"{tmp_path}/current/../shop.db"}, tmp_path / "state").read()
    assert b"of_releases" in found


def test_an_sqlite_file_that_was_emptied_is_no_dump(tmp_path: Path) -> None:
    """R-13: a file of no bytes is a whole database to SQLite, and what is left of one to its owner."""
    (tmp_path / "shop.db").touch()
    with pytest.raises(DumpFailed, match="empty"):
        Reader({"kind": "sqlite", "file": str(tmp_path / "shop.db")}, tmp_path).read()


def test_an_sqlite_file_that_stays_locked_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-13: whoever holds its lock for ever would keep the backup from ending, and nobody would hear of it."""
    monkeypatch.setattr(sqlite, "LOCKED_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE orders (number)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DumpFailed, match="locked"):
            Reader({"kind": "sqlite", "file": str(tmp_path / "shop.db")}, tmp_path).read()


def test_sqlite_is_whole_while_others_write(tmp_path: Path) -> None:
    """A copy holds what was committed, and nothing of a transaction under way; it can be loaded."""
    database = sqlite3.connect(tmp_path / "a.db")
    database.execute("PRAGMA journal_mode = wal")
    with database:
        database.execute("CREATE TABLE good (x)")
        database.executemany("INSERT INTO good VALUES (?)", [(n,) for n in range(1000)])
    database.execute("INSERT INTO good VALUES ('not yet')")
    table = {"kind": "sqlite", "file": str(tmp_path / "a.db")}
    copy = Reader(table, tmp_path).read()
    (tmp_path / "copy.db").write_bytes(copy)
    counted = sqlite3.connect(tmp_path / "copy.db").execute("SELECT count(*), max(x) FROM good").fetchone()
    assert counted == (1000, 999)
    assert try_dump(table, None, lambda write: write(copy)) == 1
    with pytest.raises(StrongroomError, match=r"damaged|cannot be opened"):
        try_dump(table, None, lambda write: write(copy[:4096] + bytes(4096)))


@pytest.fixture(scope="module")
def elephant() -> Any:
    """A PostgreSQL with a large table; its URL."""
    with postgres.running() as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "CREATE TABLE large AS SELECT n, repeat(md5(n::text), 32) FROM generate_series(1, 12288) n"
            )
        yield url


@pytest.mark.peer("postgres")
def test_postgresql(elephant: str, tmp_path: Path) -> None:
    """A dump is whole, and loads into a scratch database that is gone afterwards; a server killed meanwhile: none."""
    folder = parse_qs(urlsplit(elephant).query)["host"][0]
    table = {
        "kind": "postgresql", "database": "postgres", "host": folder, "user": "strongroom",
        "program": str(peers.require("pg_dump")),
    }  # fmt: skip
    whole = Reader(table, tmp_path).read()
    assert len(whole) > LARGE
    assert b"\n-- PostgreSQL database dump complete\n" in whole[-300:]
    assert try_dump(table, None, lambda write: write(whole)) == 1
    with pytest.raises(StrongroomError, match="psql ended with exit code 3"):
        try_dump(table, None, lambda write: write(whole[:-1000].replace(b"COPY public.large", b"COPY public.nowhere")))
    with psycopg.connect(elephant) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'strongroom%'").fetchall()
        assert left == []

    def kill() -> None:
        with psycopg.connect(elephant, autocommit=True) as connection:
            asked = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_dump'"
            assert connection.execute(asked).fetchall() == [(True,)]

    with pytest.raises(DumpFailed, match="pg_dump ended with exit code 1"):
        Reader(table, tmp_path).read(kill)


@pytest.mark.peer("postgres")
def test_postgresql_takes_any_name_for_a_name(elephant: str, tmp_path: Path) -> None:
    """None is words of a connection or an option: what is dumped is the database that has this name."""
    folder = parse_qs(urlsplit(elephant).query)["host"][0]
    for name in ODD_NAMES:
        with psycopg.connect(elephant, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with psycopg.connect(elephant, dbname=name) as connection:
            connection.execute("CREATE TABLE of_odd_name ()")
        table = {
            "kind": "postgresql", "database": name, "host": folder, "user": "strongroom",
            "program": str(peers.require("pg_dump")),
        }  # fmt: skip
        assert b"CREATE TABLE public.of_odd_name" in Reader(table, tmp_path).read(), name


@pytest.mark.peer("mariadbd")
def test_mariadb_takes_any_name_for_a_name(tmp_path: Path) -> None:
    """A name that begins like an option is none: that one is dumped, and no other."""
    with mariadb.running() as server:
        for name in ODD_NAMES:
            quoted = name.replace("`", "``")
            server.ask(f"CREATE DATABASE `{quoted}`; CREATE TABLE `{quoted}`.of_odd_name (a INT)")
            table = {"kind": "mariadb", "database": name, "host": str(server.socket), "user": "root"}
            whole = Reader(table, tmp_path).read()
            assert whole.count(b"CREATE TABLE ") == whole.count(b"CREATE TABLE `of_odd_name`") == 1, name


@pytest.mark.peer("mariadbd")
def test_mariadb(tmp_path: Path) -> None:
    """A dump is whole, and loads into a scratch database that is gone afterwards; a server killed meanwhile: none."""
    with mariadb.running() as server:
        server.ask("CREATE TABLE large AS SELECT seq, repeat(md5(seq), 32) FROM seq_1_to_12288")
        table = {"kind": "mariadb", "host": str(server.socket), "user": "root"}
        whole = Reader(table, tmp_path).read()
        assert len(whole) > LARGE
        assert whole.rstrip().splitlines()[-1].startswith(b"-- Dump completed")
        assert try_dump(table, None, lambda write: write(whole)) == 1
        server.ask("SET GLOBAL max_allowed_packet = 256 << 20")  # for connections that begin from now on
        server.ask("CREATE TABLE huge AS SELECT repeat('x', 40 << 20) AS one")
        assert len(Reader(table, tmp_path).read()) > len(whole) + (40 << 20)
        server.ask("DROP TABLE huge")
        with pytest.raises(StrongroomError, match="ended with exit code 1"):
            try_dump(table, None, lambda write: write(b"INSERT INTO nowhere VALUES (1);\n"))
        assert "strongroom" not in server.ask("SHOW DATABASES")
        with pytest.raises(DumpFailed, match="ended with exit code"):
            Reader(table, tmp_path).read(lambda: server.process.send_signal(signal.SIGKILL))
