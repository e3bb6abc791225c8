"""To whom custody keys are sealed besides the custodian: the identity that is printed and locked away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.custody.schemas.main import recipient
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from strongroom.custody.state import State


def remember_recipient(connection: sa.Connection, text: str) -> None:
    """Seal every custody key that is made from now on to this recipient, too."""
    connection.execute(recipient.insert().values(recipient=text))


def recipients(state: State) -> tuple[str, ...]:
    """All of them."""
    with state.database.read() as connection:
        return tuple(connection.execute(*_all_query()).scalars())


@prepared
def _all_query() -> sa.Select[tuple[str]]:
    return sa.select(recipient.c.recipient).order_by(recipient.c.recipient)
