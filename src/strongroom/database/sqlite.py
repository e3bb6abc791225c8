"""SQLite for one machine: one file, opened so that what has returned survives a power cut.

It runs with a write-ahead log and ``synchronous=FULL``. Writers of one machine queue up at a lock file in front of it:
SQLite itself polls, which is slow and unfair.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from strongroom.base.errors import ConfigurationError, Unsupported
from strongroom.base.own_files import check_own_files
from strongroom.database.network_mounts import network_file_system

BUSY_SECONDS = 30.0
_BESIDE = ("-wal", "-shm", ".closed", ".write-lock")


def sqlite_file(url: str) -> str | None:
    """The file of a database that is one, by its URL; None for another, or what is no URL."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return None
    return os.path.abspath(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def check_database_files(path: str) -> None:
    """Raise ``ConfigurationError`` where this user may not read and write a database and what lies beside it."""
    check_own_files(os.path.dirname(path), [path, *(f"{path}{end}" for end in _BESIDE)])


def open_sqlite(path: str, cache: int) -> tuple[sa.Engine, str]:
    """The engine over a file, and the path of the lock that writers queue up at.

    Raises ``ConfigurationError`` where no file is named, ``Unsupported`` on a network mount.
    """
    if not path or path == ":memory:":
        raise ConfigurationError("receipts are kept in a file, not in memory")
    where = os.path.abspath(path)
    if found := network_file_system(os.path.dirname(where)):
        raise Unsupported(
            f"SQLite is not safe on a network file system ({found})",
            subject=where,
            hint="keep the state on a local disk, or use PostgreSQL",
        )
    check_database_files(where)
    # For its owner alone. Never open one that is there: on closing it the system would take away the locks of every
    # other connection of this process, and the next process to come would clear the log they still write to.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(where, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    engine = sa.create_engine(
        f"sqlite:///{where}",
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        pool_size=8,
        max_overflow=8,
        pool_use_lifo=True,  # those that are seldom needed stay small
    )
    event.listen(engine, "connect", lambda connection, _record: _configure_sqlite(connection, cache))
    event.listen(engine, "begin", _begin_sqlite)
    return engine, where + ".write-lock"


def _configure_sqlite(connection: Any, cache: int) -> None:
    assert isinstance(connection, sqlite3.Connection)
    mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    if mode != "wal":
        raise Unsupported("SQLite cannot keep a write-ahead log here")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute(f"PRAGMA cache_size=-{cache}")
    connection.execute("PRAGMA wal_autocheckpoint=2000")  # 8 MB: pages that change often are written back less often


def _begin_sqlite(connection: sa.Connection) -> None:
    immediate = connection.get_execution_options().get("strongroom_immediate", False)
    driver: Any = connection.connection.dbapi_connection  # a statement of the pool's own costs ten times as much
    try:
        driver.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")
    except sqlite3.Error as error:
        raise sa.exc.DBAPIError.instance("BEGIN", None, error, sqlite3.Error) from error
