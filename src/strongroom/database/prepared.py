"""Statements that are composed once: composing costs five times what asking does, and a round asks a hundred times."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Callable

Values = ParamSpec("Values")
Statement = TypeVar("Statement", bound=sa.Executable)


def prepared(compose: Callable[Values, Statement]) -> Callable[Values, tuple[Statement, dict[str, Any]]]:
    """What ``compose`` gives is made once, with a place for each of its parameters; each call fills the places.

    So ``compose`` sees no value and may only compare, set and pass on what it gets. Used as
    ``connection.execute(*query(repository, name))``; values are given by position. A place that is compared by ``==``
    takes no None.
    """
    code = compose.__code__
    places = tuple(f"of_{name}" for name in code.co_varnames[: code.co_argcount])

    @functools.cache
    def composed() -> Statement:
        found: Statement = compose(*map(sa.bindparam, places))  # type: ignore[call-arg, arg-type]
        return found

    @functools.wraps(compose)
    def filled(*values: Values.args, **_: Values.kwargs) -> tuple[Statement, dict[str, Any]]:
        return composed(), dict(zip(places, values, strict=True))

    return filled


def plain(
    connection: sa.Connection, query: sa.Select[Any], values: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """All rows of a query as the driver gives them, in a third of the time that rows by name take."""
    cursor: Any = connection.execute(query, values).cursor
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def driver_rows(connection: sa.Connection, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    """All rows of one plain query in this transaction; parameters are written as ``?``."""
    text = sql if connection.dialect.name == "sqlite" else sql.replace("?", "%s")
    cursor: Any = connection.exec_driver_sql(text, values).cursor
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
