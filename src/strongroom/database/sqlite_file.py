"""Whether a file of SQLite that is about to be served is what was left there: it may be a copy that was put back.

SQLite takes any ``-wal`` beside a database for its own, also that of a newer state beside an older copy: pages of both
are mixed then, and nothing says so. A write-ahead log that was left out only makes the database older, which the log's
tiles put right. So a file that is not the one that was closed last is checked before it is opened for writing, and one
that is damaged or mixed is refused by name, with nothing changed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from strongroom.base.errors import Damaged
from strongroom.database.sqlite import check_database_files

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = 256 << 20
"""Bytes. Larger files are checked without comparing each index with its table."""


def remember_closed(path: str) -> None:
    """Fold the write-ahead log into the file, and note which file was closed whole: the next start need not check it.

    A copy of the file alone is then a copy of everything.
    """
    with contextlib.suppress(OSError, sqlite3.Error):
        with contextlib.closing(sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=5.0)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if not os.path.exists(f"{path}-wal"):
            mark = _stamp(path)
            with open(f"{path}.closed", "w", encoding="ascii") as file:
                file.write(mark)


def check_file(path: str) -> None:
    """Check a database that is there, unless it is the one that was closed last.

    Raises ``Damaged``, and ``ConfigurationError`` where this user may not read and write it, which is no damage.
    """
    check_database_files(path)
    try:
        with open(f"{path}.closed", encoding="ascii", errors="replace") as file:
            closed = file.read(200)
    except FileNotFoundError:
        closed = ""
    if not os.path.exists(path) or (closed == _stamp(path) and not os.path.exists(f"{path}-wal")):
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{path}.closed")
    wal = f"{path}-wal"
    has_wal = os.path.exists(wal) and os.path.getsize(wal) > 0
    fault = _fault(path)
    if fault is None:
        return
    if has_wal and _fault(path, alone=True) is None:
        raise Damaged(
            f"{wal} is not of the database beside it: one of the two was put back from a copy ({fault})",
            subject=path,
            hint=f"Move {wal} away and start again: what was signed is taken from the log's tiles.",
        )
    raise Damaged(
        f"the database is damaged, or a copy that was made while it was written to ({fault})",
        subject=path,
        hint="Put a whole copy back, or move it away: what was signed is taken from the log's tiles.",
    )


def _stamp(path: str) -> str:
    status = os.stat(path)
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}\n"


def _fault(path: str, *, alone: bool = False) -> str | None:
    """What is wrong with the file; ``alone`` without its write-ahead log. Read-only: closing it moves nothing."""
    more = "immutable=1" if alone else "mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(path)}?{more}", uri=True, timeout=30.0)) as connection:
            check = "integrity_check" if os.path.getsize(path) < SMALL else "quick_check"
            found = connection.execute(f"PRAGMA {check}(1)").fetchone()
            if found is None or found[0] != "ok":
                return str(found[0] if found else "nothing can be read").splitlines()[-1][:200]
            return next(_odd(connection), None)
    except sqlite3.DatabaseError as error:
        return str(error)


def _odd(connection: sqlite3.Connection) -> Iterator[str]:
    """What does not fit together in the log's tables: a mixture may be in order as far as SQLite can tell."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'log'").fetchone() is None:
        return
    newest = connection.execute("SELECT id, assigned FROM log ORDER BY id DESC LIMIT 1").fetchone()
    if newest is None:
        return
    log, assigned = newest
    query = "SELECT position, hash FROM leaf WHERE log = ? AND position IS NOT NULL ORDER BY position"
    tiles = connection.execute("SELECT number, hashes FROM tile WHERE log = ? AND level = 0 ORDER BY number", (log,))
    count, row, tile = 0, b"", -1
    for position, leaf in connection.execute(query, (log,)):
        if position != count:
            yield f"leaf {count} of the log is missing"
        if position % 256 == 0:
            tile, row = tiles.fetchone() or (-1, b"")
        if tile != position // 256 or row[position % 256 * 32 :][:32] != leaf:
            yield f"leaf {position} of the log is not the one in its tile"
        count += 1
    if count != assigned:
        yield f"{count} leaves, where {assigned} were given an index"
