"""The tables of what custodians and logs said. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

from strongroom.fleet.server.schema import key_column, number_column

METADATA = sa.MetaData()

promise = sa.Table("fleet_promise", METADATA, key_column("custodian"), number_column("seconds"))
"""Within how many seconds after its last statement a custodian said that it comes again."""

STEPS = (
    """
    CREATE TABLE fleet_promise (custodian TEXT PRIMARY KEY, seconds BIGINT NOT NULL)
    """,
)
