"""Index files of a replica: written from what packs were read to hold, and read back."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.catalogue import rows_of
from strongroom.repository.opened import Repository

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State
    from strongroom.storage.contract import Store

PACKS_AN_INDEX = 2000


def replica_of(repository: Repository, target: Store, adopted: Adopted) -> Repository:
    """The repository as it is at another place."""
    return Repository(target, repository.config, repository.key, adopted.key_name, repository.surroundings)


def write_index(
    state: State, adopted: Adopted, replica: Repository, packs: list[str]
) -> tuple[ObjectName, int, list[str]] | None:
    """Write one index of these packs; its name, its size in bytes, and the packs that it names.

    None where the catalogue has none of them. Raises ``Damaged`` where the replica gives another back, and its errors.
    """
    with state.database.read() as connection:
        rows = [(name, _kernel.decode_rows(held)) for name, held in rows_of(connection, adopted.id, packs)]
    if not rows:
        return None
    made = ObjectName(Kind.INDEX, replica.save_index(rows))
    data = replica.store.read_bytes(made)
    if hashlib.sha256(data).hexdigest() != made.name:
        raise Damaged("the replica gives another index than was written", subject=str(made))
    return made, len(data), [name for name, _ in rows]
