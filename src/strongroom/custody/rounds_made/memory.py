"""How much memory a round may take, so that no more of them are under way beside each other than a machine holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.custody.catalogue import places_of

if TYPE_CHECKING:
    from strongroom.custody.state import Adopted, State

MEMORY = 512 << 20
"""Bytes that rounds beside each other take at most, by their catalogues; one that takes more is alone."""
A_BLOB = 110
"""Bytes for each blob of the catalogue: its place (54), and as much again while it is asked what is used."""


def memory_of(state: State, adopted: Adopted) -> int:
    """Bytes that a round over this repository takes, should it load its catalogue."""
    with state.database.read() as connection:
        return places_of(connection, adopted.id) * A_BLOB
