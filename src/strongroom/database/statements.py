"""Plain SQL for hot paths, on the driver's own cursor: a composed statement costs twenty times as much."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

_Value = TypeVar("_Value")
_SIZES = (1, 4, 16, 64, 256, 1024)
"""How many values an ``IN`` is written for: few texts, so that drivers and servers have them prepared."""


class Statements:
    """Plain SQL in one transaction; parameters are written as ``?`` for every dialect."""

    def __init__(self, cursor: Any, mark: str) -> None:
        self._cursor = cursor
        self._mark = mark

    @property
    def locking(self) -> str:
        """What stands at the end of a query whose rows nobody else may change before this transaction has ended; SQLite
        has one writer anyway."""
        return "" if self._mark == "?" else " FOR UPDATE"

    def rows(self, sql: str, *values: object) -> list[Any]:
        """The rows of a query."""
        self._cursor.execute(self._spelt(sql), values)
        found: list[Any] = self._cursor.fetchall()
        return found

    def among(self, sql: str, values: Sequence[object]) -> list[Any]:
        """The rows of a query with ``IN (*)`` for these values, however many; in the query's order for each thousand.

        A value that stands twice is asked for twice where the thousands part.
        """
        found: list[Any] = []
        for part in _parts(values):
            found += self.rows(sql.replace("(*)", f"({', '.join('?' * len(part))})"), *part)
        return found

    def among_pairs(self, sql: str, pairs: Sequence[tuple[object, object]]) -> list[Any]:
        """The rows of a query that begins ``WITH asked (one, other) AS (*)``, for these pairs. A row may come twice.

        Such a query joins ``asked``, first, with the table: SQLite finds no index for pairs after an ``IN``.
        """
        found: list[Any] = []
        for part in _parts(pairs):
            marks = f"(VALUES {', '.join(['(?, ?)'] * len(part))})"
            found += self.rows(sql.replace("(*)", marks), *(value for pair in part for value in pair))
        return found

    def many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """One statement for each row of parameters."""
        self._cursor.executemany(self._spelt(sql), rows)

    def _spelt(self, sql: str) -> str:
        return sql if self._mark == "?" else sql.replace("?", self._mark)


@contextlib.contextmanager
def statements_in(connection: sa.Connection) -> Iterator[Statements]:
    """Plain SQL in the transaction of a connection. Raises what its own statements raise: SQLAlchemy's errors."""
    kind: Any = connection.dialect.loaded_dbapi.Error
    cursor = connection.connection.cursor()
    try:
        yield Statements(cursor, "?" if connection.dialect.name == "sqlite" else "%s")
    except kind as error:
        broken = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)
        raise sa.exc.DBAPIError.instance(None, None, error, kind, connection_invalidated=broken) from error
    finally:
        cursor.close()


def _parts(values: Sequence[_Value]) -> Iterator[Sequence[_Value]]:
    """So many at once as there are texts for; the last value fills up what is left."""
    for first in range(0, len(values), _SIZES[-1]):
        part = values[first : first + _SIZES[-1]]
        size = next(one for one in _SIZES if one >= len(part))
        yield [*part, *[part[-1]] * (size - len(part))]
