"""What is about to be stored, written down before it is sent: the one way to know, after a crash, what became of it.

A row is made before the PUT and forgotten after the receipt. A row whose process has gone, or gave the upload up
without an answer, is settled: what the store holds gets its receipt, what it does not hold is forgotten.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.file_lock import try_lock
from strongroom.gateway import schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.base.objects import ObjectName
    from strongroom.database.engine import Database
    from strongroom.gateway.places.repository import ServedRepository

ELSEWHERE_SECONDS = 600.0
"""After so long an upload of a gateway on another machine, whose life cannot be seen from here, is over."""
_PREFIX = "owner-"
_COLUMNS = [column.name for column in schema.intent.columns]
_INSERT = (  # a commit whose answer was lost is made again
    f"INSERT INTO intent ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{one}' for one in _COLUMNS)})"
    " ON CONFLICT DO NOTHING"
)


class Intents:
    """The intents of one worker. The file that it holds locked in ``folder`` says that it lives."""

    def __init__(self, database: Database, folder: str) -> None:
        self._database = database
        self._folder = folder
        self._owner = secrets.token_hex(16)
        self._descriptor: int | None = None
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[dict[str, Any]] = []
        self._flying: set[str] = set()
        self._done: list[str] = []

    def begin(self, repository: ServedRepository, name: ObjectName, sha256: str, size: int, principal: str) -> str:
        """Write down what is about to be sent; durable on return. Its ID."""
        intent = secrets.token_hex(16)
        row = {
            "id": intent,
            "owner": self._owner,
            "repository": repository.id,
            "path": repository.label,
            "kind": name.kind.value,
            "name": name.name,
            "sha256": sha256,
            "size": size,
            "principal": principal,
            "created_ns": self._database.clock_ns(),
        }
        with self._guard:
            self._live()
            self._waiting.append(row)
            self._flying.add(intent)
        try:
            with self._writing:  # whoever comes first writes for all who wait: one fsync for many
                if row in self._waiting:
                    self._write()
        except BaseException:
            self.give_up(intent)
            raise
        return intent

    def _write(self) -> None:
        with self._guard:
            rows, self._waiting = self._waiting, []
        try:
            with self._database.write() as connection:
                connection.execute(sa.text(_INSERT), rows)
        except BaseException:
            with self._guard:  # each of them fails by itself, or succeeds a moment later
                self._waiting = rows + self._waiting
            raise

    def done(self, intent: str) -> None:
        """The upload has its receipt, or stored nothing for certain. The row goes with the next ``flush``."""
        with self._guard:
            self._done.append(intent)

    def give_up(self, intent: str) -> None:
        """Nobody knows what became of the upload: it is left to be settled."""
        with self._guard:
            self._flying.discard(intent)
            self._waiting = [row for row in self._waiting if row["id"] != intent]

    def flush(self) -> None:
        """Forget what is done. Raises ``Unavailable``; nothing is lost then."""
        with self._guard:
            done, self._done = self._done, []
        if not done:
            return
        try:
            self.forget(done)
        except BaseException:
            with self._guard:
                self._done += done
            raise
        with self._guard:
            self._flying.difference_update(done)

    def forget(self, ids: Sequence[str]) -> None:
        """Remove rows."""
        if not ids:
            return
        # One statement for each row: a list in it would be another statement for each length, and every connection
        # keeps the last 128, of up to 70 KB each.
        with self._database.write() as connection:
            connection.execute(sa.text("DELETE FROM intent WHERE id = :id"), [{"id": one} for one in ids])

    def orphans(self) -> list[Any]:
        """The rows that nobody works on any more."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(schema.intent).order_by(schema.intent.c.created_ns)).all()
        found, living = [], dict[str, bool | None]()
        for row in rows:
            if row.owner == self._owner:
                with self._guard:
                    alive: bool | None = row.id in self._flying
            else:
                if row.owner not in living:
                    living[row.owner] = _lives(self._path(row.owner))
                alive = living[row.owner]
                if alive is None:
                    alive = self._database.clock_ns() - row.created_ns < ELSEWHERE_SECONDS * 1e9
            if not alive:
                found.append(row)
        return found

    def tidy(self) -> None:
        """Remove the files of processes that have gone and left no rows."""
        with self._database.read() as connection:
            owners = set(connection.execute(sa.select(schema.intent.c.owner).distinct()).scalars())
        for file in os.listdir(self._folder):
            owner = file.removeprefix(_PREFIX)
            path = os.path.join(self._folder, file)
            if file.startswith(_PREFIX) and owner not in owners and _lives(path) is False:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

    def close(self) -> None:
        """Forget what is done, and end."""
        self.flush()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self.tidy()

    def _live(self) -> None:
        while self._descriptor is None:
            descriptor = os.open(self._path(self._owner), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:
                self._descriptor = descriptor
            else:
                os.close(descriptor)  # somebody tidied it away before it was locked

    def _path(self, owner: str) -> str:
        return os.path.join(self._folder, _PREFIX + owner)


def _lives(path: str) -> bool | None:
    """Whether the process that made this file lives; None when there is no such file here."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return not try_lock(descriptor)
    finally:
        os.close(descriptor)
