"""Rounds that began and did not end: whoever has the right to work next knows that nobody will end them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from strongroom.custody.schemas.main import round_

if TYPE_CHECKING:
    import sqlalchemy as sa

    from strongroom.database.engine import Database

NOT_ENDED = "it did not end: it was killed, or what made it was switched off"


def give_up_rounds(database: Database, connection: sa.Connection, repository: str) -> None:
    """Write down of rounds that have not ended that they never will: another holder has the repository now."""
    text = f"UPDATE {round_.name} SET outcome = ? WHERE repository = ? AND ended_ns IS NULL"
    database.change(connection, text, json.dumps({"failure": NOT_ENDED}), repository)
