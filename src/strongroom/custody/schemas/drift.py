"""The table of pinned settings. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

pinned = sa.Table(
    "custody_settings",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("pinned_ns", sa.BigInteger, nullable=False),
)
"""``settings``: JSON of what a bucket promises, part by part; null for a part that the credentials may not see."""

STEPS = (
    """
    CREATE TABLE custody_settings (repository TEXT PRIMARY KEY, settings TEXT NOT NULL, pinned_ns BIGINT NOT NULL)
    """,
)
