"""Backups that a host has begun, and never said that they ended: it was switched off, or the run hangs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.database.statements import statements_in
from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.schemas import following

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HOUR = 3600
LEAST, TIMES = 12 * HOUR, 3
"""A run may take so long, or so many times as long as the last good one, in seconds."""
UPLOADING = 6 * HOUR
"""A run in which something came within so many seconds is under way, however long it takes."""
UNENDED = "unended"


class BegunRuns:
    """The runs that some hosts have begun, read once for many reports."""

    def __init__(self, connection: sa.Connection, hosts: Sequence[str]) -> None:
        self._connection = connection
        with statements_in(connection) as sql:
            self._known = set(sql.among("SELECT host, source FROM fleet_begun WHERE host IN (*)", hosts))

    def begin(self, host: str, source: str, now: int) -> None:
        """A run of a source has begun; one before it that never ended was broken off, and this one counts."""
        self.end(host, source)
        self._connection.execute(following.begun.insert(), {"host": host, "source": source, "at": now})
        self._known.add((host, source))

    def end(self, host: str, source: str) -> None:
        """A run of a source has ended, well or not."""
        if (host, source) in self._known:
            table = following.begun
            self._connection.execute(table.delete().where(table.c.host == host, table.c.source == source))
            self._known.discard((host, source))


def unended_runs(
    connection: sa.Connection,
    watches: Iterable[Any],
    names: Mapping[str, str],
    uploads: Mapping[tuple[str, str], int],
    now: int,
) -> list[Wrong]:
    """Runs that should have ended. ``watches``: rows of the table; ``uploads``: when something last came."""
    begun = {(row.host, row.source): row.at for row in connection.execute(sa.select(following.begun))}
    late: dict[tuple[str, str], bool] = {}
    for row in watches:
        at = begun.get((row.host, row.source))
        if at is None or row.host not in names or row.retired or row.paused_until > now:
            continue
        patient = now <= at + max(LEAST, TIMES * row.duration)
        moving = now <= uploads.get((row.host, row.repository), 0) + UPLOADING
        late[row.host, row.source] = late.get((row.host, row.source), True) and not (patient or moving)
    return [
        Wrong(
            f"{names[host]}/{source}",
            UNENDED,
            names[host],
            False,
            f"a backup was begun {(now - begun[host, source]) // HOUR} hours ago, and nothing says that it ended",
        )
        for (host, source), unended in late.items()
        if unended
    ]
