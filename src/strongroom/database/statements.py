"""Plain SQL for the one hot path, on the driver's own cursor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Statements:
    """Plain SQL in one transaction; parameters are written as ``?`` for every dialect."""

    def __init__(self, cursor: Any, mark: str) -> None:
        self._cursor = cursor
        self._mark = mark

    def rows(self, sql: str, *values: object) -> list[Any]:
        """The rows of a query."""
        self._cursor.execute(self._spelt(sql), values)
        found: list[Any] = self._cursor.fetchall()
        return found

    def many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """One statement for each row of parameters."""
        self._cursor.executemany(self._spelt(sql), rows)

    def _spelt(self, sql: str) -> str:
        return sql if self._mark == "?" else sql.replace("?", self._mark)
