"""Whose a repository or a snapshot is: a host's word about another's counts nothing, and is an alarm (R-13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Refused
from strongroom.database.statements import statements_in
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from collections.abc import Iterable

FOREIGN = "foreign"
"""The code of the suspicion that a host speaks of what another one made."""

_OWNERS = "SELECT repository, host FROM fleet_repository WHERE repository IN (*)"
_CARED_FOR = "SELECT repository FROM fleet_stated WHERE repository IN (*)"


class KnownRepositories:
    """What is known of the repositories that some reports name, read once for all of them."""

    def __init__(self, connection: sa.Connection, repositories: Iterable[str]) -> None:
        wanted = sorted({one for one in repositories if one})
        self._owners = owners_of(connection, wanted)
        with statements_in(connection) as sql:
            self._cared_for = {one for (one,) in sql.among(_CARED_FOR, wanted)}

    def is_anothers(self, repository: str, host: str) -> bool:
        """Whether another host made it."""
        return self._owners.get(repository, host) != host

    def is_cared_for(self, repository: str) -> bool:
        """Whether a custodian states how it is."""
        return repository in self._cared_for


def owners_of(connection: sa.Connection, repositories: Iterable[str]) -> dict[str, str]:
    """The hosts that made these repositories; those that nobody joined with are left out."""
    wanted = sorted({one for one in repositories if one})
    with statements_in(connection) as sql:
        return dict(sql.among(_OWNERS, wanted))


class AnothersRepository(Refused):
    """A host that joins names a repository which another one made. ``words``: what is suspicious of it."""

    def __init__(self, repository: str) -> None:
        hint = "Make a repository of its own; whoever moves one to another host revokes the old host first."
        super().__init__("this repository is another host's", subject=repository[:8], hint=hint)
        self.words = f"says that it made repository {repository[:8]}, which another host made"


def bind_repositories(connection: sa.Connection, host: str, name: str, repositories: Iterable[str], now: int) -> None:
    """Write down that a host made these, as it says when it joins. Again changes nothing.

    What was of a host of the same name that was revoked or replaced is taken over. Raises ``AnothersRepository``.
    """
    table, hosts = schema.repository, schema.host
    wanted = sorted({one for one in repositories if one})
    owners = owners_of(connection, wanted)
    for repository in wanted:
        owner = owners.get(repository)
        if owner == host:
            continue
        if owner is None:
            connection.execute(table.insert(), {"repository": repository, "host": host, "since": now})
            continue
        row = connection.execute(sa.select(hosts.c.name, hosts.c.state).where(hosts.c.id == owner)).one_or_none()
        gone = row is None or row.state in ("revoked", "replaced")
        if row is not None and (not gone or row.name.partition("~")[0] != name):
            raise AnothersRepository(repository)
        connection.execute(table.update().where(table.c.repository == repository).values(host=host, since=now))
