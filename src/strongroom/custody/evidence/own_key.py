"""The custody key: made, kept, and stored; behind a gateway once its operator has opened a window for it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom import _kernel
from strongroom.base.errors import Refused
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.evidence.creations import note_creation
from strongroom.custody.identity import seal
from strongroom.custody.schemas.evidence import made_key
from strongroom.repository.keyring import make_key, store_made_key

if TYPE_CHECKING:
    from strongroom.custody.identity import Identity
    from strongroom.custody.state import State
    from strongroom.repository.opened import Repository

CHEAP = (1024, 8, 1)
"""N, r, p of scrypt for a password of 256 random bits, which no cost makes harder to guess."""
KEY_USER = "custody"
"""Who a custody key says it is of, so that `key list` shows it."""


def add_own_key(
    state: State, repository: Repository, identity: Identity, recipients: tuple[str, ...], window: str = ""
) -> tuple[str, bytes]:
    """Add a key of ours to an opened repository; its name, and its password sealed to the recipients.

    One that was refused is kept, so that the window that an operator opens for it is for the one that comes next.
    ``window``: the repository's path at a gateway, for the hint. Raises ``Refused`` with what to type there.
    """
    table = made_key
    with state.database.read() as connection:
        kept = connection.execute(sa.select(table).where(table.c.repository == repository.id)).one_or_none()
    if kept is None:
        password = secrets.token_urlsafe(32).encode()  # 256 bits
        sealed = seal(password, (identity.recipient, *recipients))
        file = make_key(repository.key, password, repository.surroundings, username=KEY_USER, scrypt=CHEAP)
        with state.database.write() as connection:
            connection.execute(table.insert().values(repository=repository.id, file=file, sealed_password=sealed))
    else:
        file, sealed = bytes(kept.file), bytes(kept.sealed_password)
        password = identity.unseal(sealed, "custody key that waits")
    name = _kernel.sha256_hex(file)
    note_creation(state, repository.id, ObjectName(Kind.KEY, name))
    try:
        store_made_key(repository.store, repository.key, password, file)
    except Refused as problem:
        raise Refused(
            f"the custody key is not admitted: {problem.what}",
            subject=repository.location,
            hint="On the gateway's machine: strongroom gateway keys open "
            f"{window or 'REPOSITORY'} --key {name} --for 1h --path FOLDER\n"
            "FOLDER is that of its `gateway serve`. Then adopt it again, by the same line.",
        ) from None
    return name, sealed


def forget_made_key(connection: sa.Connection, repository: str) -> None:
    """The key is in the repository and in its row: the copy that waited is not needed."""
    connection.execute(made_key.delete().where(made_key.c.repository == repository))
