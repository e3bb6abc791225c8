"""A host's watches within one transaction: read once for many reports, changed in memory, written at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.fleet.server import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY = ("host", "source", "repository")


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


def load_watches(connection: sa.Connection, hosts: Iterable[str]) -> dict[str, HostWatches]:
    """The watches of each of these hosts."""
    found = {host: HostWatches(connection, host) for host in hosts}
    names = [column.name for column in schema.watch.c]
    # Whoever changes one by hand meanwhile, such as a pause, waits until we have written: PostgreSQL locks rows alone.
    query = sa.select(schema.watch).where(schema.watch.c.host.in_(list(found))).with_for_update()
    for row in connection.execute(query):
        found[row.host].rows[row.source, row.repository] = dict(zip(names, row, strict=True))
    return found


def write_watches(connection: sa.Connection, many: Iterable[HostWatches]) -> None:
    """Write what was changed and added."""
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for one in many:
        added, others = one.written()
        new += added
        changed += others
    table = schema.watch
    if new:
        connection.execute(table.insert(), new)
    if changed:
        names = [column.name for column in table.c if column.name not in _KEY]
        where = [table.c[name] == sa.bindparam(f"of_{name}") for name in _KEY]
        statement = table.update().where(*where).values({name: sa.bindparam(name) for name in names})
        rows = [{f"of_{name}" if name in _KEY else name: value for name, value in row.items()} for row in changed]
        connection.execute(statement, rows)
