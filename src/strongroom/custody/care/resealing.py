"""Sealing what the state keeps to another identity, when one is rotated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.errors import ConfigurationError
from strongroom.custody.identity import seal
from strongroom.custody.recovery.recipients import recipients
from strongroom.custody.schema import repository as adopted_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.identity import Identity
    from strongroom.custody.state import Adopted, State


def reseal(state: State, those: Sequence[Adopted], identity: Identity, to: str, who: str, why: str) -> list[str]:
    """Seal the keys of repositories to the recipient ``to`` in place of ``identity``'s; their names.

    All or none: one transaction. The custody keys' passwords stay sealed to the recovery kit as well. Raises
    ``ConfigurationError`` for what is no recipient, ``WrongIdentity`` where this identity opens one of them not.
    """
    if to == identity.recipient:
        raise ConfigurationError("is this identity's own recipient", subject=to)
    made = []
    for adopted in those:
        master = identity.unseal(adopted.sealed_master, f"master key of {adopted.name}")
        password = identity.unseal(adopted.sealed_password, f"password of {adopted.name}")
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
