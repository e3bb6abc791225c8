"""Tags of hosts: an operator's words, by which channels and tokens choose hosts. A host says none of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Missing
from strongroom.fleet.protocol.fields import NAME, visible
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.fleet.server.state import FleetState

MOST_TAGS = 32


def checked_tags(words: Iterable[str]) -> tuple[str, ...]:
    """Tags in their order, each once. Raises ``ConfigurationError`` for what is none."""
    found = tuple(sorted({one for one in words if one}))
    for one in found:
        if not NAME.match(one):
            hint = "Letters a-z, digits, dots, dashes and underscores, 63 at most."
            raise ConfigurationError("cannot be a tag", subject=one, hint=hint)
    if len(found) > MOST_TAGS:
        raise ConfigurationError(f"{len(found)} tags are more than {MOST_TAGS}")
    return found


def tag_host(state: FleetState, name: str, add: Iterable[str], remove: Iterable[str]) -> tuple[str, ...]:
    """The tags of a host after some were added, and others taken away. Raises ``Missing``, ``ConfigurationError``."""
    host = schema.host
    added, removed = checked_tags(add), checked_tags(remove)
    with state.database.write() as connection:
        row = connection.execute(sa.select(host.c.id, host.c.tags).where(host.c.name == name)).one_or_none()
        if row is None:
            hint = "`strongroom fleet status` names the hosts."
            raise Missing("there is no host of this name", subject=visible(name), hint=hint)
        tags = checked_tags([one for one in (*str(row.tags).split(), *added) if one not in removed])
        connection.execute(host.update().where(host.c.id == row.id).values(tags=" ".join(tags)))
    return tags


def tags_of_hosts(connection: sa.Connection) -> dict[str, frozenset[str]]:
    """By name, the tags of each host that has any."""
    host = schema.host
    rows = connection.execute(sa.select(host.c.name, host.c.tags).where(host.c.tags != "")).all()
    return {str(row.name): frozenset(str(row.tags).split()) for row in rows}
