"""The table of hosts that wait for an operator. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

from strongroom.fleet.server.schemas.main import key_column, number_column, number_or_null, text_column

METADATA = sa.MetaData()

pending = sa.Table(
    "fleet_pending",
    METADATA,
    key_column("id"),
    text_column("ticket"),
    text_column("name"),
    text_column("network"),
    number_column("asked"),
    number_column("heard"),
    text_column("state"),
    number_or_null("decided"),
    sa.Index("fleet_pending_ticket", "ticket"),
)
"""``id``: of the host's key. ``network``: where it asked from. ``asked`` and ``heard``: when it did first and last.
``state``: waiting, approved or denied; ``decided``: since when, by an operator."""

STEPS = (
    """
    CREATE TABLE fleet_pending (
        id TEXT PRIMARY KEY, ticket TEXT NOT NULL, name TEXT NOT NULL, network TEXT NOT NULL, asked BIGINT NOT NULL,
        heard BIGINT NOT NULL, state TEXT NOT NULL, decided BIGINT
    );
    CREATE INDEX fleet_pending_ticket ON fleet_pending (ticket)
    """,
)
