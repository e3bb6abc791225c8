"""The enroller: a principal that lets hosts in below a prefix, and lets its own go again. It reads and writes nothing.

A fleet's server has its token. Whoever takes that over can make hosts below the prefix, each with the enroller's own
limits, and can end the tokens of those that this enroller made; it reaches no repository. It learns no token of a host
that is there and gives none another key: a name belongs to the key that first claimed it, until this gateway's operator
says that another key may (``readmit``). Why: docs/decisions/0037-names-belong-to-keys.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Exists, Missing, Refused
from strongroom.gateway import schema
from strongroom.gateway.access.principals import Principals, add_token, tell_workers
from strongroom.gateway.access.roles import Role
from strongroom.gateway.access.tokens import NewToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.database.engine import Database
    from strongroom.gateway.access.caller import Caller
    from strongroom.gateway.access.host_claim import HostClaim

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

    def admit(self, caller: Caller, name: str, claim: HostClaim) -> str:
        """Let a host in by the token that it claims; the path of its repository. The same claim changes nothing.

        Raises ``Refused``, also for another key than the one that the name belongs to, or ``Exists`` when somebody
        else has the name.
        """
        prefix = self.prefix(caller)
        first = f"{prefix}/{name}" if prefix else name
        if not _NAME.match(name):
            raise Refused("a host's name has lower-case letters, digits, dots, dashes and underscores, 63 at most")
        token = NewToken(claim.token, "", claim.sha256)
        with self._database.write() as connection:
            principal, row = self._known(connection, caller, name)
            if row is None:
                row = self._take_name(connection, caller, name, claim, first)
            elif row.key != claim.key:
                if row.awaited != claim.key:
                    hint = f"Its operator says which key may: strongroom gateway principal readmit {name} --key WORDS"
                    raise Refused("at this gateway the name belongs to another key", subject=name, hint=hint)
                return self._give_name(connection, principal, row, claim, token, first)
            elif row.token != claim.token:
                raise Refused("this key has claimed another token", subject=name, hint=_ROTATE)
        if principal is None:  # killed before it was made, the same request goes on
            self._principals.add(name, {row.path: Role.HOST}, caller.quota, "", given=token)
        elif principal.disabled:
            raise Refused("this host was let go", subject=name, hint=f"strongroom gateway principal enable {name}")
        return str(row.path)

    def _take_name(self, connection: sa.Connection, caller: Caller, name: str, claim: HostClaim, path: str) -> Any:
        table = schema.enrolled
        count = sa.select(sa.func.count()).select_from(table).where(table.c.enroller == caller.id)
        if int(connection.execute(count).scalar_one()) >= MOST_HOSTS:
            raise Refused(f"an enroller lets in at most {MOST_HOSTS} hosts")
        if connection.execute(sa.select(table.c.name).where(table.c.path == path)).first() is not None:
            raise Exists("another host's repository is at this place")
        values = {"name": name, "enroller": caller.id, "key": claim.key, "token": claim.token, "path": path}
        connection.execute(table.insert(), values)
        return connection.execute(sa.select(table).where(table.c.name == name)).one()

    def _give_name(
        self, connection: sa.Connection, principal: Any, row: Any, claim: HostClaim, token: NewToken, first: str
    ) -> str:
        """The name is another key's from now on. What the old one has counts until ``settle``, unless it was let go."""
        table = schema.enrolled
        path = str(row.path or first)
        if not claim.keeps:
            path = _next_path(connection, path, row.name)
        values = {"key": claim.key, "token": claim.token, "path": path, "awaited": ""}
        connection.execute(table.update().where(table.c.name == row.name).values(**values))
        if principal is None:
            raise Missing("there is no principal of this name", subject=row.name)
        principals, grant = schema.principal, schema.grant
        connection.execute(principals.update().where(principals.c.id == principal.id).values(disabled=0))
        add_token(connection, principal.id, token, self._database.now_ns(connection))
        here = grant.c.principal == principal.id, grant.c.repository == path
        connection.execute(grant.delete().where(*here))
        connection.execute(grant.insert(), {"principal": principal.id, "repository": path, "role": Role.HOST.value})
        tell_workers(connection)
        return path

    def settle(self, caller: Caller, name: str, key: str) -> None:
        """A host that took another's place has joined: what its name could do before ends. Idempotent.

        Raises ``Refused`` unless the name belongs to this key, or ``Missing``.
        """
        self.prefix(caller)
        with self._database.write() as connection:
            principal, row = self._known(connection, caller, name)
            if row is None or principal is None:
                raise Missing("this enroller let no host of this name in")
            if row.key != key:
                raise Refused("at this gateway the name belongs to another key", subject=name)
            token, grant = schema.token, schema.grant
            ended = connection.execute(
                token.delete().where(token.c.principal == principal.id, token.c.id != row.token)
            ).rowcount
            others = sa.select(grant.c.repository).where(grant.c.principal == principal.id)
            for path in connection.execute(others).scalars().all():
                if path != row.path and _first_path(path, name) == _first_path(row.path, name):
                    connection.execute(
                        grant.delete().where(grant.c.principal == principal.id, grant.c.repository == path)
                    )
                    ended += 1
            if ended:
                tell_workers(connection)

    def disable(self, caller: Caller, name: str) -> None:
        """Let a host of the caller's in no more. Raises ``Refused`` or ``Missing``. Idempotent."""
        self.prefix(caller)
        with self._database.read() as connection:
            principal, _ = self._known(connection, caller, name)
        if principal is None:
            raise Missing("this enroller let no host of this name in")
        if not principal.disabled:
            self._principals.disable(name)

    def _known(self, connection: sa.Connection, caller: Caller, name: str) -> tuple[Any, Any]:
        """The principal of this name and what is written of whom it belongs to; None for what is not there yet.

        Raises ``Exists`` when it is no host of the caller's.
        """
        principal, enrolled = schema.principal, schema.enrolled
        found = connection.execute(sa.select(principal).where(principal.c.name == name)).first()
        row = connection.execute(sa.select(enrolled).where(enrolled.c.name == name)).first()
        if row is not None and row.enroller != caller.id:
            raise Exists("another enroller has let in a host of this name")
        if row is None and (found is not None or self._is_named_elsewhere(name)):
            raise Exists("there is a principal of this name already, which no enroller made")
        return (found if found is not None and found.managed else None), row


def readmit(database: Database, name: str, key: str) -> None:
    """An operator's word that the host with this key may have the name, once. ``key``: its ID.

    Raises ``Missing``.
    """
    table = schema.enrolled
    with database.write() as connection:
        changed = connection.execute(table.update().where(table.c.name == name).values(awaited=key)).rowcount
    if not changed:
        hint = "`strongroom gateway principal list` names those that there are."
        raise Missing("no enroller let a host of this name in", subject=name, hint=hint)


_ROTATE = "`strongroom gateway principal rotate` makes another one, on the gateway's machine."


def _first_path(path: str, name: str) -> str:
    """Where the first repository of the host of this name was whose newest one is here; nothing for a path that no
    enroller gave it.
    """
    folder, slash, last = path.rpartition("/")
    return f"{folder}{slash}{name}" if re.fullmatch(rf"{re.escape(name)}(\.[0-9]+)?", last) else ""


def _next_path(connection: sa.Connection, path: str, name: str) -> str:
    """Where the next repository of a host is: beside the first one, with the next number that nobody has."""
    first, table = _first_path(path, name), schema.enrolled
    number = int(path.removeprefix(f"{first}.")) + 1 if path != first else 2
    while connection.execute(sa.select(table.c.name).where(table.c.path == f"{first}.{number}")).first() is not None:
        number += 1
    return f"{first}.{number}"
