"""Channels that an operator made, and nobody who has the database alone (threats M-2, M-3).

A channel says where alarms go, and which file holds its password: whoever could change both would have the server send
any of its secrets to him. So its row is sealed by a key in the server's folder; what does not match carries nothing.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.durable import write_new
from strongroom.base.errors import ConfigurationError
from strongroom.fleet.server.schemas import alerting as schema

if TYPE_CHECKING:
    from strongroom.database.engine import Database

FILE = "channels.key"
_BYTES = 32
CHANGED = (
    f"was changed in the database by something else than this program, or {FILE} is another one: it carries nothing"
    " until it is removed and added again"
)


def channels_key(folder: str, database: Database) -> bytes:
    """The key in the server's folder; none where channels are sealed by one that is elsewhere.

    It is made where no channel was sealed yet, and those that are there are taken as they are: they are older than
    seals. Raises ``ConfigurationError``.
    """
    path = os.path.join(folder, FILE)
    table = schema.channel
    try:
        if (found := _read(path)) is None:
            with database.write() as connection:
                rows = connection.execute(sa.select(table)).all()
                if any(row.seal for row in rows):
                    return b""
                key = secrets.token_bytes(_BYTES)
                if write_new(path, key, f"{path}.{os.getpid()}.new"):
                    owner = os.stat(folder)
                    if os.geteuid() != owner.st_uid:  # an administrator began for the server's user
                        os.chown(path, owner.st_uid, owner.st_gid)
                    for row in rows:
                        here = table.update().where(table.c.name == row.name)
                        connection.execute(here.values(seal=seal_of(key, row.name, row.kind, row.settings)))
            found = _read(path)
    except OSError as error:
        raise ConfigurationError(f"cannot be read: {error.strerror}", subject=path) from None
    return found or b""


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(_BYTES)
    except FileNotFoundError:
        return None


def seal_of(key: bytes, name: object, kind: object, settings: object) -> str:
    """The seal of a channel. Raises ``ConfigurationError`` without a key."""
    if len(key) != _BYTES:
        hint = f"Bring {FILE} here from the other machine that has this database, or from a backup of this one."
        raise ConfigurationError(f"{FILE} is missing, by which channels are sealed", hint=hint)
    return hmac.digest(key, json.dumps([str(name), str(kind), str(settings)]).encode(), "sha256").hex()


def is_sealed(key: bytes, row: Any) -> bool:
    """Whether a channel is as an operator made it."""
    return len(key) == _BYTES and hmac.compare_digest(seal_of(key, row.name, row.kind, row.settings), str(row.seal))
