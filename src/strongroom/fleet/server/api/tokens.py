"""Tokens of the API: ``sra1_``, an ID and a secret, of which only the hash is kept. Each only reads."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Missing
from strongroom.fleet.server.alerting.tagging import checked_tags, tags_of_hosts
from strongroom.fleet.server.schemas import api as schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strongroom.fleet.server.state import FleetState

DAY = 86400
DAYS, LONGEST_DAYS = 365, 1100
REREAD_SECONDS = 2
"""A token that was taken away counts no more after so long."""
_TOKEN = re.compile(r"sra1_([0-9a-f]{16})_([0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as the server keeps it. ``hosts``: a pattern of the names that it may see."""

    name: str
    id: str
    secret_sha256: bytes
    hosts: str
    made: int
    until: int
    tags: tuple[str, ...] = ()
    """Of which a host must have one; any, where there are none."""
    tagged: frozenset[str] = frozenset()
    """The hosts that have one of them."""

    @property
    def sees_all(self) -> bool:
        """Whether it may see what belongs to no single host."""
        return self.hosts == "*" and not self.tags

    def sees(self, host: str) -> bool:
        """Whether it may see this host."""
        return fnmatchcase(host, self.hosts) and (not self.tags or host in self.tagged)


def make_token(state: FleetState, name: str, hosts: str, days: int, tags: Sequence[str] = ()) -> str:
    """A new token; its text is not kept. Raises ``ConfigurationError``."""
    if not 1 <= days <= LONGEST_DAYS:
        raise ConfigurationError(f"a token lives between 1 and {LONGEST_DAYS} days", subject=f"{days} days")
    words = checked_tags(tags)
    if tags and not words:  # a script's empty variable must not open all hosts
        raise ConfigurationError("names no tag", subject=name, hint="Without tags hosts are chosen by name alone.")
    identity, secret, now = secrets.token_hex(8), secrets.token_hex(32), state.now()
    row = {"name": name, "id": identity, "secret_sha256": _hash(secret), "hosts": hosts}
    row["tags"] = " ".join(words)
    table = schema.token
    with state.database.write() as connection:
        if connection.execute(sa.select(table.c.name).where(table.c.name == name)).first() is not None:
            raise ConfigurationError("there is a token of this name already", subject=name)
        connection.execute(table.insert(), row | {"made": now, "until": now + days * DAY})
    return f"sra1_{identity}_{secret}"


def remove_token(state: FleetState, name: str) -> None:
    """Let it in no more. Raises ``Missing``."""
    table = schema.token
    with state.database.write() as connection:
        if not connection.execute(table.delete().where(table.c.name == name)).rowcount:
            raise Missing("there is no token of this name", subject=name, hint="`strongroom fleet tokens list`")


def list_tokens(state: FleetState) -> list[ApiToken]:
    """All of them, by name."""
    with state.database.read() as connection:
        rows = connection.execute(sa.select(schema.token).order_by(schema.token.c.name)).all()
        hosts = tags_of_hosts(connection) if any(row.tags for row in rows) else {}
    return [_token(row, hosts) for row in rows]


def _token(row: Any, hosts: Mapping[str, frozenset[str]]) -> ApiToken:
    tags = tuple(str(row.tags).split())
    tagged = frozenset(name for name, found in hosts.items() if not found.isdisjoint(tags))
    return ApiToken(row.name, row.id, bytes(row.secret_sha256), row.hosts, row.made, row.until, tags, tagged)


class TokenBook:
    """Tokens as they were a moment ago: strangers cost no query. Safe to use from many threads."""

    def __init__(self, state: FleetState) -> None:
        self._state = state
        self._guard = threading.Lock()
        self._read: int | None = None
        self._tokens: dict[str, ApiToken] = {}

    def find(self, text: str) -> ApiToken | None:
        """The token that this text is, while it counts. Raises ``Unavailable``."""
        match = _TOKEN.match(text)
        if match is None:
            return None
        now = self._state.now()
        with self._guard:
            if self._read is None or not 0 <= now - self._read < REREAD_SECONDS:
                self._tokens = {one.id: one for one in list_tokens(self._state)}
                self._read = now
            found = self._tokens.get(match[1])
        if found is None or now >= found.until or not hmac.compare_digest(_hash(match[2]), found.secret_sha256):
            return None
        return found


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
