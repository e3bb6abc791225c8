"""Taking a host's place: told while it is under way, done in one transaction, and the old key is heard no more.

The old key's reports stay as they were sent, and its chain ends. If it goes on to report, two machines are one host's:
that is suspicious, however it came about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Exists, Refused
from strongroom.database.statements import statements_in
from strongroom.fleet.server.alerting.machine import Wrong
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from strongroom.fleet.protocol.enrolment import EnrolDone

REPLACED = "replaced"
"""The state of a host whose place another key has; its name is ``web01~`` and eight digits of its ID."""
REPLACING = "replacing"
"""The kind of the alert that a machine is about to take a host's place."""
TWO_MACHINES = "two-machines"
"""The code of the suspicion that the machine which was replaced still reports."""
TWO_WORDS = "the machine whose place this one took still reports: is it really replaced?"
_JOINING = "joining"
_LEAVING = f"SELECT replaces FROM fleet_host WHERE replaces IN (*) AND state = '{_JOINING}'"


def plain_name(name: str) -> str:
    """The name without what marks a host that comes or has gone."""
    return name.partition("~")[0]


def marked_name(name: str, host: str) -> str:
    """The name of a host that does not have it now."""
    return f"{name}~{host[:8]}"


def check_replaceable(connection: sa.Connection, replaces: str, name: str) -> None:
    """Raise ``Refused`` unless the host that is to be replaced has the name still."""
    table = schema.host
    query = sa.select(table.c.name).where(table.c.id == replaces)
    if connection.execute(query).scalar() != name:
        raise Refused("another machine has taken this host's place already", subject=name)


def take_over(connection: sa.Connection, host: Any, said: EnrolDone) -> None:
    """The host has joined: it has the name, the watches and what is known of its repositories from now on.

    Raises ``Exists`` when another one was quicker.
    """
    hosts, watches, name = schema.host, schema.watch, plain_name(host.name)
    old = connection.execute(sa.select(hosts).where(hosts.c.id == host.replaces)).one_or_none()
    if old is None or old.name != name:
        raise Exists("another machine has taken this host's place already", subject=name)
    values: dict[str, Any] = {"name": marked_name(name, old.id), "state": REPLACED}
    connection.execute(hosts.update().where(hosts.c.id == old.id).values(**values))
    connection.execute(hosts.update().where(hosts.c.id == host.id).values(name=name, tags=old.tags))
    for one in (old.id, host.id):
        connection.execute(following.begun.delete().where(following.begun.c.host == one))
    connection.execute(watches.delete().where(watches.c.host == host.id))
    values = {"host": host.id, "retry_at": None} | ({"retired": 0} if old.state == "revoked" else {})
    connection.execute(watches.update().where(watches.c.host == old.id).values(**values))
    for made in said.repositories:
        here = watches.c.host == host.id, watches.c.repository == made.name
        connection.execute(watches.update().where(*here).values(repository_id=made.id))
    _keep(connection, str(old.id), str(host.id), [one.id for one in said.repositories])


def _keep(connection: sa.Connection, old: str, host: str, repositories: Sequence[str]) -> None:
    """What the old host made in repositories that go on is the new one's."""
    owners = schema.repository
    query = sa.select(owners.c.repository).where(owners.c.host == old, owners.c.repository.in_(repositories))
    kept = list(connection.execute(query).scalars())
    for table in (schema.seen, schema.claim):
        here = table.c.host == old, table.c.repository.in_(kept)
        connection.execute(table.update().where(*here).values(host=host))
    if kept:
        place = following.place
        connection.execute(place.update().where(place.c.host == old).values(host=host))


def replacements(connection: sa.Connection) -> list[Wrong]:
    """Hosts whose place another machine is about to take; critical where they still report."""
    hosts, old = schema.host, schema.host.alias("old")
    query = (
        sa.select(hosts.c.name, hosts.c.joined, old.c.name.label("of"), old.c.reported)
        .join(old, old.c.id == hosts.c.replaces)
        .where(hosts.c.state == _JOINING)
    )
    found = []
    for row in connection.execute(query):
        alive = row.reported is not None and row.reported > row.joined
        words = "a machine with another key is about to take this host's place"
        words += ", which still reports" if alive else ""
        words += f"; `strongroom fleet revoke {row.name}` stops that"
        found.append(Wrong(str(row.of), REPLACING, str(row.of), alive, words))
    return found


def being_replaced(connection: sa.Connection, hosts: Iterable[str]) -> set[str]:
    """Which of these hosts another machine is about to replace."""
    with statements_in(connection) as sql:
        return {str(row[0]) for row in sql.among(_LEAVING, sorted(hosts))}


def successor(connection: sa.Connection, name: str) -> str | None:
    """The ID of the host that has the name of one that was replaced."""
    table = schema.host
    found: str | None = connection.execute(sa.select(table.c.id).where(table.c.name == plain_name(name))).scalar()
    return found
