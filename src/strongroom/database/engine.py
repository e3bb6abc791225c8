"""The database of a gateway: SQLite for one machine, PostgreSQL for many; and its transactions."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from strongroom.base.clock import SYSTEM, Clock
from strongroom.base.errors import ConfigurationError, Unavailable
from strongroom.base.file_lock import file_lock
from strongroom.base.named_locks import NamedLocks
from strongroom.base.steady import Steady
from strongroom.database.faults import reason, translated
from strongroom.database.postgresql import open_postgresql
from strongroom.database.sqlite import open_sqlite
from strongroom.database.statements import Statements

CACHE = 512
"""KiB of pages that each connection to SQLite keeps at most. A process has up to sixteen, and all of them fill in time;
what they do not hold is in the system's cache, which is one for all."""

HELD = 4
"""Connections to SQLite that plain SQL keeps for itself at most, of the sixteen of a process."""


class Database:
    """An open database. Safe to use from many threads, but not across a fork: open it anew there."""

    def __init__(self, url: str, *, cache: int = CACHE, clock: Clock = SYSTEM) -> None:
        """``url`` is ``sqlite:///path`` or ``postgresql://…``; ``cache`` as ``CACHE``, more for who has one connection.

        Raises ``Unsupported`` for SQLite on a network mount.
        """
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise ConfigurationError("not the URL of a database", hint="sqlite:///path or postgresql://…") from None
        backend = parsed.get_backend_name()
        self.clock = clock
        """The time of all who work with this database."""
        self._lock_path: str | None = None
        self._locks: list[int] = []
        """Open descriptors of the lock file that nobody holds now."""
        self._names = NamedLocks()
        self.steady = Steady()
        """What ``now_ns`` makes of the database's clock."""
        self._held: list[Any] = []
        """Connections of ``statements`` and ``row`` that wait for the next call."""
        if backend == "sqlite":
            self.engine, self._lock_path = open_sqlite(parsed.database or "", cache)
        elif backend == "postgresql":
            self.engine, self._unshared = open_postgresql(parsed)
        else:
            raise ConfigurationError(f"no database of the kind {backend}", hint="sqlite:///path or postgresql://…")
        self.is_sqlite = backend == "sqlite"
        self._own = self.steady if self.is_sqlite else Steady()

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state and changes nothing. Raises ``Unavailable`` when the database is away."""
        with translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """A transaction that is durable when the block has ended, or has no effect when it raised."""
        with translated(), self._turn(), self.engine.connect() as plain:
            connection = plain.execution_options(strongroom_immediate=True)
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def statements(self) -> Iterator[Statements]:
        """``write`` for the one hot path: the driver's own cursor, which costs a tenth of a composed statement.

        Raises ``Unavailable``; durable or without effect, as ``write``.
        """
        with self._turn():
            connection = self._checked_out()
            whole = False
            try:
                cursor = connection.cursor()
                if self.is_sqlite:
                    cursor.execute("BEGIN IMMEDIATE")
                yield Statements(cursor, "?" if self.is_sqlite else "%s")
                connection.commit()
                whole = True
            except self._driver_error as error:
                _give_up(connection)
                lines = str(error).strip().splitlines()
                raise Unavailable("the database cannot be used now", subject=lines[0][:200] if lines else "") from None
            except BaseException:
                _give_up(connection)
                raise
            finally:
                if whole:
                    self._hand_back(connection)
                else:
                    connection.close()

    def row(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        """The first row of one plain query, written as for ``statements``. Raises ``Unavailable``."""
        connection = self._checked_out()
        try:
            cursor = connection.cursor()
            cursor.execute(sql if self.is_sqlite else sql.replace("?", "%s"), values)
            found: tuple[Any, ...] | None = cursor.fetchone()
            cursor.close()
        except self._driver_error as error:
            _give_up(connection)
            connection.close()
            raise Unavailable("the database cannot be used now", subject=str(error).strip()[:200]) from None
        except BaseException:
            _give_up(connection)
            connection.close()
            raise
        self._hand_back(connection)
        return found

    def _checked_out(self) -> Any:
        """A connection of the driver: one that an earlier call kept, which spares the pool's care, or a new one."""
        with contextlib.suppress(IndexError):
            return self._held.pop()
        try:
            return self.engine.raw_connection()
        except sa.exc.TimeoutError:
            raise Unavailable("all connections to the database are in use") from None
        except DBAPIError as error:
            raise Unavailable("the database cannot be used now", subject=reason(error)) from None
        except self._driver_error as error:  # which SQLAlchemy does not wrap here
            lines = str(error).strip().splitlines()
            raise Unavailable("the database cannot be used now", subject=lines[0][:200] if lines else "") from None

    def _hand_back(self, connection: Any) -> None:
        """Keep a connection that is in no transaction for the next call; beyond some they go back to the pool, which
        others wait for."""
        if self.is_sqlite and len(self._held) < HELD:
            self._held.append(connection)
        else:
            connection.close()

    @property
    def _driver_error(self) -> type[Exception]:
        found: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        return found

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if self._lock_path is None:
            yield
            return
        try:
            descriptor = self._locks.pop()
        except IndexError:
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            self._locks.append(descriptor)

    @contextlib.contextmanager
    def exclusive(self, name: str, *, wait: bool = True) -> Iterator[bool]:
        """One at a time over all who share the database, for the purpose that ``name`` says; yields whether it is ours.

        It ends with its process, too. Raises ``Unavailable``.
        """
        digest = hashlib.sha256(name.encode()).digest()
        if self._lock_path is None:
            # One connection for each name that is waited for, and none of those that requests share: whoever waited
            # with one of them would keep it from who has to go on before the wait can end.
            with contextlib.ExitStack() as held:
                if not held.enter_context(self._names.hold(name, wait=wait)):
                    yield False
                    return
                held.enter_context(translated())
                plain = held.enter_context(self._unshared.connect())
                connection = plain.execution_options(isolation_level="AUTOCOMMIT")
                number = {"number": int.from_bytes(digest[:8], "big", signed=True)}
                words = "SELECT pg_advisory_lock(:number)" if wait else "SELECT pg_try_advisory_lock(:number)"
                mine = connection.execute(sa.text(words), number).scalar() is not False
                try:
                    yield mine
                finally:
                    if mine:
                        connection.execute(sa.text("SELECT pg_advisory_unlock(:number)"), number)
            return
        with file_lock(f"{self._lock_path}-{digest[:8].hex()}", wait=wait) as mine:
            yield mine

    def now_ns(self, connection: sa.Connection) -> int:
        """The database's clock, one for all gateways that share it, made steady (``Steady``): for durations, and for
        nothing else. In nanoseconds.
        """
        if self.is_sqlite:
            return self.clock_ns()
        found = connection.execute(
            sa.text("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        ).scalar_one()
        return self.steady.now_ns(int(found) * 1000)

    def clock_ns(self) -> int:
        """This machine's clock, made steady. In nanoseconds."""
        return self._own.now_ns(self.clock.now_ns())

    def many(self, connection: sa.Connection, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """One plain statement for each row of parameters, in this transaction; parameters are written as ``?``.

        Composed statements cost several times as much for each row.
        """
        connection.exec_driver_sql(sql if self.is_sqlite else sql.replace("?", "%s"), list(rows))

    def change(self, connection: sa.Connection, sql: str, *values: object) -> int:
        """One plain statement in this transaction, written as for ``many``; how many rows it changed.

        For what every transaction does: composed, it costs twenty times as much. Raises ``Unavailable``.
        """
        cursor = connection.connection.cursor()
        try:
            cursor.execute(sql if self.is_sqlite else sql.replace("?", "%s"), values)
            return int(cursor.rowcount)
        except self._driver_error as error:
            raise Unavailable("the database cannot be used now", subject=str(error).strip()[:200]) from None
        finally:
            cursor.close()

    def close(self) -> None:
        """Close all connections. Idempotent."""
        while self._held:
            self._held.pop().close()
        while self._locks:
            os.close(self._locks.pop())
        self.engine.dispose()


def _give_up(connection: Any) -> None:
    with contextlib.suppress(Exception):
        connection.rollback()
    with contextlib.suppress(Exception):
        connection.invalidate()
