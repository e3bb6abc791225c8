"""A dump of an SQLite file: a copy by the backup API, which is whole whoever writes meanwhile."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from typing import TYPE_CHECKING
from urllib.parse import quote

from strongroom.base.clock import monotonic
from strongroom.fleet.host.dumps.contract import DumpFailed

if TYPE_CHECKING:
    from collections.abc import Callable

_PAGES = 2048
"""Pages that are copied before others may write again."""
_PIECE = 1 << 20
LOCKED_SECONDS = 600.0
"""So long another process may keep its lock, in a row."""


class SqliteProducer:
    """Copies the database into a folder for temporary files, checks the copy, and passes it on."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._abandoned = False
        self._locked_since: float | None = None

    def produce(self, write: Callable[[bytes], None]) -> None:
        """As the contract says."""
        if not os.path.isfile(self._file):
            raise DumpFailed("there is no such file", subject=self._file, hint="Correct `file`.")
        if not _size(self._file) + _size(f"{self._file}-wal"):  # SQLite takes nothing for a database without tables
            raise DumpFailed("is empty; no snapshot was made of it", subject=self._file, hint="Restore an older one.")
        try:
            with tempfile.TemporaryDirectory(prefix="strongroom-sqlite-") as folder:
                copy = os.path.join(folder, "copy.db")
                self._copy(copy)
                with open(copy, "rb") as file:
                    while data := file.read(_PIECE):
                        write(data)
        except sqlite3.Error as error:
            hint = "`sqlite3 FILE 'PRAGMA integrity_check'` tells more."
            raise DumpFailed(f"cannot be copied: {error}", subject=self._file, hint=hint) from None

    def _copy(self, to: str) -> None:
        # Neither a host's name, as behind two slashes, nor `:memory:`; and `..` behind a link leads where it does.
        where = quote(os.path.join(os.getcwd(), self._file))
        source = sqlite3.connect(f"file://{where}?mode=ro", uri=True, timeout=1)
        with contextlib.closing(source), contextlib.closing(sqlite3.connect(to)) as copy:
            source.backup(copy, pages=_PAGES, progress=self._look)
            faults = [row[0] for row in copy.execute("PRAGMA quick_check(3)")]
            if faults != ["ok"]:
                raise DumpFailed(f"is damaged: {'; '.join(faults)}", subject=self._file, hint="Restore an older one.")

    def _look(self, status: int, _left: int, _all: int) -> None:
        if self._abandoned:
            raise DumpFailed("the copy was ended", subject=self._file)
        if status not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self._locked_since = None
            return
        if self._locked_since is None:
            self._locked_since = monotonic()
        if monotonic() - self._locked_since > LOCKED_SECONDS:
            hint = "Another process has had its lock for so long; `fuser FILE` names it."
            raise DumpFailed(
                f"was locked for {LOCKED_SECONDS:g} s; no snapshot was made of it", subject=self._file, hint=hint
            )

    def abandon(self) -> None:
        """As the contract says."""
        self._abandoned = True


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0
