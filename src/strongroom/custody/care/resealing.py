"""Sealing what the state keeps to another identity, when one is rotated."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError
from strongroom.custody.identity import WrongIdentity, seal
from strongroom.custody.recovery.recipients import recipients
from strongroom.custody.schemas.main import repository as adopted_table
from strongroom.format.key import KeyFile
from strongroom.repository.keyring import unwrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.identity import Identity
    from strongroom.custody.state import Adopted, State


def reseal(state: State, those: Sequence[Adopted], identity: Identity, to: str, who: str, why: str) -> list[str]:
    """Seal the keys of repositories to the recipient ``to`` in place of ``identity``'s; their names.

    All or none: one transaction. The custody keys' passwords stay sealed to the recovery kit as well. ``identity`` may
    be the recovery kit's. Raises ``ConfigurationError`` for what is no recipient, ``WrongIdentity`` where this identity
    opens one of them not.
    """
    if to == identity.recipient:
        raise ConfigurationError("is this identity's own recipient", subject=to)
    made = []
    for adopted in those:
        password = identity.unseal(adopted.sealed_password, f"password of {adopted.name}")
        master = _master(adopted, identity, password)
        made.append((adopted, seal(master, (to,)), seal(password, (to, *recipients(state)))))
    with state.database.write() as connection:
        for adopted, master, password in made:
            connection.execute(
                adopted_table.update()
                .where(adopted_table.c.id == adopted.id)
                .values(sealed_master=master, sealed_password=password)
            )
            state.record(connection, who, adopted.id, f"sealed the keys of {adopted.name} to {to}", why)
    return [adopted.name for adopted, _, _ in made]


def _master(adopted: Adopted, identity: Identity, password: bytes) -> bytes:
    """The master key: sealed to the custodian's own identity alone, and in the key file that the password opens."""
    with contextlib.suppress(WrongIdentity):
        return identity.unseal(adopted.sealed_master, f"master key of {adopted.name}")
    key = unwrap(KeyFile.parse(adopted.key_file), password, adopted.key_name)
    return json.dumps([part.hex() for part in key.material()]).encode()


def seal_to_own(state: State, recovery: Identity, own: Identity, who: str, why: str) -> None:
    """Seal to ``own`` what it does not open yet, by the recovery identity. Raises ``ConfigurationError``."""
    those = [one for one in state.repositories(released=True) if not _opens(own, one)]
    reseal(state, those, recovery, own.recipient, who, why)


def _opens(identity: Identity, adopted: Adopted) -> bool:
    try:
        identity.unseal(adopted.sealed_master, f"master key of {adopted.name}")
    except WrongIdentity:
        return False
    return True
