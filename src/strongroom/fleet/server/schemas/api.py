"""The table of API tokens. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

from strongroom.fleet.server.schemas.main import bytes_column, key_column, number_column, text_column, text_or_empty

METADATA = sa.MetaData()

token = sa.Table(
    "fleet_api_token",
    METADATA,
    key_column("name"),
    text_column("id"),
    bytes_column("secret_sha256"),
    text_column("hosts"),
    number_column("made"),
    number_column("until"),
    text_or_empty("tags"),
)
"""``hosts``: the pattern of hosts that it may see; ``tags``: of which they must have one, where there are any.
``until``: its end, in seconds since 1970."""

STEPS = (
    """
    CREATE TABLE fleet_api_token (
        name TEXT PRIMARY KEY, id TEXT NOT NULL, secret_sha256 {blob} NOT NULL, hosts TEXT NOT NULL,
        made BIGINT NOT NULL, until BIGINT NOT NULL
    )
    """,
    "ALTER TABLE fleet_api_token ADD COLUMN tags TEXT NOT NULL DEFAULT ''",
)
