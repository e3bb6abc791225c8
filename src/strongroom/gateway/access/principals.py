"""Principals in the database: their immutable IDs, tokens, grants and quotas."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Missing, Refused
from strongroom.gateway import schema, watch_schema
from strongroom.gateway.access import tokens
from strongroom.gateway.access.policy import Quota, check_name
from strongroom.gateway.access.roles import GIVEN, Role
from strongroom.gateway.registry import PRINCIPALS

if TYPE_CHECKING:
    from strongroom.database.engine import Database

MAX_TOKENS = 2
"""So many of one principal may live at once: the old one until the new one is in place everywhere."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A principal as the database has it."""

    id: str
    name: str
    quota: Quota
    addresses: str
    managed: bool = True
    disabled: bool = False
    expires_ns: int | None = None
    """When the token ends by which the principal was found."""


class Principals:
    """The principals of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure(self, name: str) -> str:
        """The ID of whoever bears this name (a user of the password file, a principal of the policy), made if new."""
        table = schema.principal
        with self._database.read() as connection:
            found = connection.execute(sa.select(table.c.id).where(table.c.name == name)).scalar()
        if found is not None:
            return str(found)
        text = (
            "INSERT INTO principal (id, name, created_ns, managed, disabled, addresses)"
            " VALUES (:id, :name, :now, 0, 0, '') ON CONFLICT DO NOTHING"
        )
        with self._database.write() as connection:
            now = self._database.now_ns(connection)
            connection.execute(sa.text(text), {"id": secrets.token_hex(16), "name": name, "now": now})
            return str(connection.execute(sa.select(table.c.id).where(table.c.name == name)).scalar_one())

    def add(
        self,
        name: str,
        grants: dict[str, Role],
        quota: Quota,
        addresses: str,
        days: float | None = None,
        *,
        given: tokens.NewToken | None = None,
    ) -> tokens.NewToken:
        """Make a principal with one token, a new one or the ``given`` one.

        Raises ``ConfigurationError`` when the name is taken, ``Refused`` when the given token's ID is.
        """
        check_name(name)
        with self._database.write() as connection:
            now = self._database.now_ns(connection)
            table = schema.principal
            found = connection.execute(sa.select(table).where(table.c.name == name)).first()
            if found is not None and (found.managed or found.disabled):
                hint = "`strongroom gateway principal enable` lets it in again." if found.disabled else ""
                raise ConfigurationError("there is a principal of this name already", subject=name, hint=hint)
            row = {
                "managed": 1,
                "disabled": 0,
                "quota_bytes": quota.bytes,
                "quota_objects": quota.objects,
                "quota_snapshots": quota.snapshots,
                "addresses": addresses,
            }
            if found is not None:  # its name was seen before, in a password file or policy: the ID stays
                principal = str(found.id)
                connection.execute(table.update().where(table.c.id == principal).values(**row))
            else:
                principal = secrets.token_hex(16)
                connection.execute(table.insert(), {"id": principal, "name": name, "created_ns": now, **row})
            for repository, role in grants.items():
                entry = {"principal": principal, "repository": repository, "role": role.value}
                connection.execute(schema.grant.insert(), entry)
            if quota.reads is not None:
                connection.execute(watch_schema.read_limit.insert(), {"principal": principal, "bytes": quota.reads})
            tell_workers(connection)
            return self._new_token(connection, principal, now, days, given)

    def rotate(self, name: str, *, all_tokens: bool = False, days: float | None = None) -> tokens.NewToken:
        """Another token; the newest old one stays valid unless ``all_tokens``. Raises ``Missing``."""
        with self._database.write() as connection:
            principal = self._id(connection, name)
            table = schema.token
            query = sa.select(table.c.id).where(table.c.principal == principal).order_by(table.c.created_ns.desc())
            old = list(connection.execute(query).scalars())
            for one in old if all_tokens else old[MAX_TOKENS - 1 :]:
                connection.execute(table.delete().where(table.c.id == one))
            tell_workers(connection)
            return self._new_token(connection, principal, self._database.now_ns(connection), days)

    def disable(self, name: str) -> None:
        """Let a principal in no more; its ID and its receipts stay. Raises ``Missing``."""
        with self._database.write() as connection:
            principal = self._id(connection, name)
            table = schema.principal
            connection.execute(table.update().where(table.c.id == principal).values(disabled=1))
            connection.execute(schema.token.delete().where(schema.token.c.principal == principal))
            tell_workers(connection)

    def enable(self, name: str, days: float | None = None) -> tokens.NewToken:
        """Let a disabled principal in again, as who it was, with a new token. Raises ``Missing``."""
        with self._database.write() as connection:
            principal = self._id(connection, name, disabled=1)
            table = schema.principal
            connection.execute(table.update().where(table.c.id == principal).values(disabled=0))
            connection.execute(schema.token.delete().where(schema.token.c.principal == principal))
            tell_workers(connection)
            return self._new_token(connection, principal, self._database.now_ns(connection), days)

    def change(self, name: str, limits: dict[str, int | None], addresses: str | None = None) -> None:
        """Change limits, by their names in ``Quota``, and addresses, where they are given. Raises ``Missing``."""
        values: dict[str, object] = {f"quota_{one}": limit for one, limit in limits.items() if one != "reads"}
        if addresses is not None:
            values["addresses"] = addresses
        with self._database.write() as connection:
            principal = self._id(connection, name)
            table, reads = schema.principal, watch_schema.read_limit
            if values:
                connection.execute(table.update().where(table.c.id == principal).values(**values))
            if "reads" in limits:
                connection.execute(reads.delete().where(reads.c.principal == principal))
                if limits["reads"] is not None:
                    connection.execute(reads.insert(), {"principal": principal, "bytes": limits["reads"]})
            tell_workers(connection)

    def generation(self) -> int:
        """A number that changes whenever principals or tokens are changed."""
        table = watch_schema.generation
        with self._database.read() as connection:
            query = sa.select(table.c.number).where(table.c.name == PRINCIPALS)
            return int(connection.execute(query).scalar() or 0)

    def list(self) -> list[tuple[Principal, dict[str, str], int]]:
        """All that were added, with their grants and the number of their tokens."""
        with self._database.read() as connection:
            table = schema.principal
            rows = connection.execute(sa.select(table).where(table.c.managed == 1).order_by(table.c.name)).all()
            found = []
            for row in rows:
                grants = connection.execute(
                    sa.select(schema.grant.c.repository, schema.grant.c.role).where(schema.grant.c.principal == row.id)
                ).all()
                count = connection.execute(
                    sa.select(sa.func.count()).select_from(schema.token).where(schema.token.c.principal == row.id)
                ).scalar_one()
                found.append((_principal(row), {g.repository: g.role for g in grants}, int(count)))
            return found

    def by_token(self, text: str) -> Principal | None:
        """Whose token this is; None when nobody's, or when it has ended."""
        token = tokens.token_id(text)
        if token is None:
            return None
        with self._database.read() as connection:
            row = connection.execute(sa.select(schema.token).where(schema.token.c.id == token)).first()
            if row is None or not tokens.matches(text, bytes(row.sha256)):
                return None
            if row.expires_ns is not None and row.expires_ns <= self._database.now_ns(connection):
                return None
            table = schema.principal
            found = connection.execute(
                sa.select(table).where(table.c.id == row.principal, table.c.disabled == 0)
            ).first()
            if found is None:
                return None
            limit = watch_schema.read_limit
            reads = connection.execute(sa.select(limit.c.bytes).where(limit.c.principal == found.id)).scalar()
            return _principal(found, reads, row.expires_ns)

    def any(self) -> bool:
        """Whether any principal was added."""
        with self._database.read() as connection:
            table = schema.principal
            return connection.execute(sa.select(table.c.id).where(table.c.managed == 1).limit(1)).first() is not None

    def names(self) -> set[str]:
        """The names of those that were added."""
        with self._database.read() as connection:
            table = schema.principal
            return set(connection.execute(sa.select(table.c.name).where(table.c.managed == 1)).scalars())

    def role(self, principal: str, repository: str) -> Role | None:
        """The role that was granted for this path, else the one of the longest pattern that matches it."""
        table = schema.grant
        query = sa.select(table.c.repository, table.c.role).where(table.c.principal == principal)
        with self._database.read() as connection:
            granted: dict[str, str] = dict(connection.execute(query).tuples().all())
        fitting = [one for one in granted if one == repository or _matches(one, repository)]
        return GIVEN.get(granted[max(fitting, key=lambda one: (one == repository, len(one)))]) if fitting else None

    def _id(self, connection: sa.Connection, name: str, *, disabled: int = 0) -> str:
        table = schema.principal
        query = sa.select(table.c.id, table.c.disabled).where(table.c.name == name, table.c.managed == 1)
        found = connection.execute(query).first()
        if found is None:
            raise Missing("there is no principal of this name", subject=name)
        if found.disabled != disabled:
            if disabled:
                raise Refused("this principal is not disabled", subject=name, hint="`rotate` makes a new token.")
            hint = "`strongroom gateway principal enable` lets it in again."
            raise Refused("this principal is disabled", subject=name, hint=hint)
        return str(found.id)

    def _new_token(
        self,
        connection: sa.Connection,
        principal: str,
        now: int,
        days: float | None,
        given: tokens.NewToken | None = None,
    ) -> tokens.NewToken:
        made = given or tokens.new_token()
        expires = None if days is None else now + int(days * 86400e9)
        add_token(connection, principal, made, now, expires)
        return made


def add_token(
    connection: sa.Connection, principal: str, token: tokens.NewToken, now: int, expires: int | None = None
) -> None:
    """Let a principal in by a token as well. Raises ``Refused`` when there is one of that ID, whosever it is."""
    table = schema.token
    if connection.execute(sa.select(table.c.id).where(table.c.id == token.id)).first() is not None:
        raise Refused("there is a token of this ID already")
    row = {"id": token.id, "principal": principal, "sha256": token.sha256, "created_ns": now, "expires_ns": expires}
    connection.execute(table.insert(), row)


def tell_workers(connection: sa.Connection) -> None:
    """Have all workers forget within a second whom they have let in."""
    text = (
        "INSERT INTO generation (name, number) VALUES (:name, 1)"
        " ON CONFLICT (name) DO UPDATE SET number = generation.number + 1"
    )
    connection.execute(sa.text(text), {"name": PRINCIPALS})


def _principal(row: sa.Row[tuple[object, ...]], reads: int | None = None, expires_ns: int | None = None) -> Principal:
    quota = Quota(row.quota_bytes, row.quota_objects, row.quota_snapshots, reads)
    return Principal(row.id, row.name, quota, row.addresses, bool(row.managed), bool(row.disabled), expires_ns)


def _matches(pattern: str, repository: str) -> bool:
    """Whether a grant is for this path: ``*`` stands for anything, slashes too, as in the policy's rules."""
    parts = map(re.escape, pattern.split("*"))
    return "*" in pattern and re.fullmatch(".*".join(parts), repository, re.DOTALL) is not None
