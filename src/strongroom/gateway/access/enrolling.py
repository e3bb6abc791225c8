"""The enroller: a principal that lets hosts in below a prefix, and lets its own go again. It reads and writes nothing.

A fleet's server has its token. Whoever takes that over can make hosts below the prefix, each with the enroller's own
limits, and can end or renew the tokens of those that this enroller made; it reaches no repository.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Exists, Missing, Refused
from strongroom.gateway import schema
from strongroom.gateway.access.principals import Principals
from strongroom.gateway.access.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.database.engine import Database
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.access.tokens import NewToken

MOST_HOSTS = 10_000
"""Principals that one enroller may make."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?\Z")


class Enrolling:
    """What enrollers of one gateway may do."""

    def __init__(self, database: Database, is_named_elsewhere: Callable[[str], bool]) -> None:
        """``is_named_elsewhere``: whether somebody of this name is let in without being in the database."""
        self._database = database
        self._is_named_elsewhere = is_named_elsewhere
        self._principals = Principals(database)

    def prefix(self, caller: Caller) -> str:
        """The path below which the caller lets hosts in. Raises ``Refused`` for who is no enroller."""
        table = schema.grant
        query = sa.select(table.c.repository).where(table.c.principal == caller.id, table.c.role == Role.ENROLLER.value)
        with self._database.read() as connection:
            found = connection.execute(query).scalars().first()
        if not caller.managed or found is None:
            raise Refused("this role lets nobody in")
        return str(found)

    def admit(self, caller: Caller, name: str) -> tuple[NewToken, str]:
        """A token for a host, and the path of its repository; a host of the caller's gets a new one for all it had.

        Raises ``Refused``, or ``Exists`` when somebody else has the name.
        """
        prefix = self.prefix(caller)
        if not _NAME.match(name):
            raise Refused("a host's name has lower-case letters, digits, dots, dashes and underscores, 63 at most")
        path = f"{prefix}/{name}" if prefix else name
        known = self._state(caller, name)
        if known == "disabled":
            return self._principals.enable(name), path
        if known == "enabled":
            return self._principals.rotate(name, all_tokens=True), path
        with self._database.write() as connection:
            table = schema.enrolled
            count = sa.select(sa.func.count()).select_from(table).where(table.c.enroller == caller.id)
            if int(connection.execute(count).scalar_one()) >= MOST_HOSTS:
                raise Refused(f"an enroller lets in at most {MOST_HOSTS} hosts")
            # Killed before the principal was made, it is there already: the same request goes on.
            text = "INSERT INTO enrolled (name, enroller) VALUES (:name, :enroller) ON CONFLICT DO NOTHING"
            connection.execute(sa.text(text), {"name": name, "enroller": caller.id})
        return self._principals.add(name, {path: Role.HOST}, caller.quota, ""), path

    def disable(self, caller: Caller, name: str) -> None:
        """Let a host of the caller's in no more. Raises ``Refused`` or ``Missing``. Idempotent."""
        self.prefix(caller)
        known = self._state(caller, name)
        if known is None:
            raise Missing("this enroller let no host of this name in")
        if known == "enabled":
            self._principals.disable(name)

    def _state(self, caller: Caller, name: str) -> str | None:
        """Whether the caller's host of this name is enabled; None where there is none yet. Raises ``Exists``."""
        with self._database.read() as connection:
            principal, enrolled = schema.principal, schema.enrolled
            query = sa.select(principal.c.managed, principal.c.disabled).where(principal.c.name == name)
            row = connection.execute(query).first()
            owner = connection.execute(sa.select(enrolled.c.enroller).where(enrolled.c.name == name)).scalar()
        if owner is not None and owner != caller.id:
            raise Exists("another enroller has let in a host of this name")
        if owner is None and (row is not None or self._is_named_elsewhere(name)):
            raise Exists("there is a principal of this name already, which no enroller made")
        if row is None or not row.managed:
            return None
        return "disabled" if row.disabled else "enabled"
