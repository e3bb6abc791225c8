"""A host's watches within one transaction: read once for many reports, changed in memory, written at its end."""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.database.statements import statements_in
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY = ("host", "source", "repository")
_NAMES = tuple(column.name for column in schema.watch.c)
_OTHERS = tuple(name for name in _NAMES if name not in _KEY)
_QUERY = f"SELECT {', '.join(_NAMES)} FROM fleet_watch WHERE host IN (*)"
_INSERT = f"INSERT INTO fleet_watch ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"
_UPDATE = (
    f"UPDATE fleet_watch SET {', '.join(f'{name} = ?' for name in _OTHERS)}"
    f" WHERE {' AND '.join(f'{name} = ?' for name in _KEY)}"
)

WatchRow = namedtuple("WatchRow", _NAMES)  # type: ignore[misc]  # the table says the names
"""A watch as it stands in the table."""


class HostWatches:
    """The watches of one host by source and repository; each a row as in the table, with ``change`` as its only way."""

    def __init__(self, connection: sa.Connection, host: str) -> None:
        self.connection, self.host = connection, host
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self._new: dict[tuple[str, str], None] = {}
        self._changed: dict[tuple[str, str], None] = {}

    def of_source(self, source: str) -> list[dict[str, Any]]:
        """Those of one source."""
        return [row for (one, _), row in self.rows.items() if one == source]

    def change(self, row: dict[str, Any], values: dict[str, Any]) -> None:
        """Give one other values."""
        row |= values
        key = row["source"], row["repository"]
        if key not in self._new:
            self._changed[key] = None

    def add(self, row: dict[str, Any]) -> None:
        """One more."""
        key = row["source"], row["repository"]
        self.rows[key] = row
        self._new[key] = None

    def written(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The rows that are new, and those that changed."""
        return [self.rows[key] for key in self._new], [self.rows[key] for key in self._changed]


def all_watches(connection: sa.Connection) -> list[Any]:
    """All of them, each a ``WatchRow``: of ten thousand, SQLAlchemy's own rows cost more than judging them."""
    with statements_in(connection) as sql:
        return [WatchRow._make(row) for row in sql.rows(f"SELECT {', '.join(_NAMES)} FROM fleet_watch")]


def load_watches(connection: sa.Connection, hosts: Iterable[str]) -> dict[str, HostWatches]:
    """The watches of each of these hosts."""
    found = {host: HostWatches(connection, host) for host in hosts}
    with statements_in(connection) as sql:
        # Whoever changes one by hand meanwhile, such as a pause, waits until we have written: PostgreSQL locks rows.
        for values in sql.among(_QUERY + sql.locking, list(found)):
            row = dict(zip(_NAMES, values, strict=True))
            found[row["host"]].rows[row["source"], row["repository"]] = row
    return found


def write_watches(connection: sa.Connection, many: Iterable[HostWatches]) -> None:
    """Write what was changed and added."""
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for one in many:
        added, others = one.written()
        new += added
        changed += others
    with statements_in(connection) as sql:
        if new:
            sql.many(_INSERT, [tuple(row[name] for name in _NAMES) for row in new])
        if changed:
            sql.many(_UPDATE, [tuple(row[name] for name in (*_OTHERS, *_KEY)) for row in changed])
