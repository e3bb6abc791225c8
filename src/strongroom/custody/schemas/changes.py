"""The table of changes that wait. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

waiting_change = sa.Table(
    "custody_waiting_change",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("said_ns", sa.BigInteger, nullable=False),
    sa.Column("due_ns", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
)
"""``policy``: all of it as it will be, JSON; ``due_ns``: when it counts, at the earliest."""

STEPS = (
    """
    CREATE TABLE custody_waiting_change (
        repository TEXT PRIMARY KEY, policy TEXT NOT NULL, said_ns BIGINT NOT NULL, due_ns BIGINT NOT NULL,
        who TEXT NOT NULL
    )
    """,
)
