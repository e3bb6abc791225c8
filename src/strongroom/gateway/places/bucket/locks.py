"""Locks of repositories in a bucket: kept in the database, so that the bucket's key needs no right to delete.

Locks that somebody wrote into the bucket itself are seen, too: who prunes there directly must not be overlooked. They
can be removed through the gateway only if its key for the bucket may delete.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Damaged, Exists, Missing, Refused, StoreError
from strongroom.base.objects import Kind, ObjectName
from strongroom.gateway import schema
from strongroom.storage.contract import Info, Reader
from strongroom.storage.wrappers.wrapper import Wrapper

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from strongroom.database.engine import Database
    from strongroom.storage.contract import Store


class Locks:
    """The locks of one repository in the database."""

    def __init__(self, database: Database, repository: Callable[[], str]) -> None:
        """``repository`` says its ID, which it may be given by being asked for it."""
        self._database = database
        self._repository = repository

    def add(self, name: str, data: bytes) -> bool:
        """Keep a lock; whether it is new. Raises ``Exists`` when there is another of this name."""
        text = (
            "INSERT INTO lock_data (repository, name, data, created_ns) VALUES (:repository, :name, :data, :now)"
            " ON CONFLICT DO NOTHING"
        )
        row = {"repository": self._repository(), "name": name, "data": data, "now": self._database.clock_ns()}
        with self._database.write() as connection:
            new = connection.execute(sa.text(text), row).rowcount == 1
        if not new and self.find(name)[0] != data:
            raise Exists("another lock stands under this name", subject=name)
        return new

    def find(self, name: str) -> tuple[bytes, int]:
        """A lock's bytes, and when it was made in nanoseconds. Raises ``Missing``."""
        table = schema.lock_data
        query = sa.select(table.c.data, table.c.created_ns).where(
            table.c.repository == self._repository(), table.c.name == name
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            raise Missing("there is no such lock", subject=name)
        return bytes(row.data), int(row.created_ns)

    def all(self, after: str | None) -> list[Info]:
        """The locks above a name, in order."""
        table = schema.lock_data
        query = (
            sa.select(table.c.name, sa.func.length(table.c.data).label("size"), table.c.created_ns)
            .where(table.c.repository == self._repository(), table.c.name > (after or ""))
            .order_by(table.c.name)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        found = [Info(ObjectName(Kind.LOCK, row.name), row.size, row.created_ns) for row in rows]
        return sorted(found, key=lambda info: info.name.name)  # a database may sort by another alphabet

    def remove(self, name: str) -> bool:
        """Forget a lock; whether there was one."""
        table = schema.lock_data
        with self._database.write() as connection:
            done = connection.execute(
                table.delete().where(table.c.repository == self._repository(), table.c.name == name)
            )
        return done.rowcount == 1


class ServedStore(Wrapper):
    """A bucket's objects as clients see them: with the locks of the database, and errors that say the right thing.

    What the store refuses the gateway's own key is no refusal of the client (403 would be for ever).
    """

    def __init__(self, inner: Store, locks: Locks) -> None:
        super().__init__(inner)
        self._locks = locks

    def list(self, kind: Kind, after: str | None = None) -> Iterator[Info]:
        """As the contract says."""
        try:
            if kind is not Kind.LOCK:
                yield from self.inner.list(kind, after)
                return
            previous = ""
            both = heapq.merge(self._locks.all(after), self.inner.list(kind, after), key=lambda info: info.name.name)
            for info in both:
                if info.name.name != previous:
                    yield info
                previous = info.name.name
        except Refused as error:
            raise _refusal(error) from None

    def stat(self, name: ObjectName) -> Info:
        """As the contract says."""
        if name.kind is Kind.LOCK:
            try:
                data, made_ns = self._locks.find(name.name)
                return Info(name, len(data), made_ns)
            except Missing:
                pass
        try:
            return self.inner.stat(name)
        except Refused as error:
            raise _refusal(error) from None

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        """As the contract says."""
        if name.kind is Kind.LOCK:
            try:
                return _Bytes(self._locks.find(name.name)[0], offset, length)
            except Missing:
                pass
        try:
            return self.inner.read(name, offset, length)
        except Refused as error:
            raise _refusal(error) from None

    def release_lock(self, name: str) -> None:
        """As the contract says: out of the database, or else out of the bucket."""
        if not self._locks.remove(name):
            try:
                self.inner.stat(ObjectName(Kind.LOCK, name))
            except Missing:
                return
            self.inner.release_lock(name)


class _Bytes(Reader):
    def __init__(self, data: bytes, offset: int, length: int | None) -> None:
        end = len(data) if length is None else offset + length
        if end > len(data) or offset > len(data):
            raise Damaged("the lock is shorter than the range")
        self._data = data[offset:end]
        self.size = len(self._data)

    def read(self, limit: int = -1, /) -> bytes:
        """Some of what is left."""
        part = self._data if limit < 0 else self._data[:limit]
        self._data = self._data[len(part) :]
        return part

    def close(self) -> None:
        """Nothing is open."""


def _refusal(error: Refused) -> StoreError:
    return StoreError(f"the store refuses: {error.what}", subject=error.subject)
