"""Tables of what the gateway watches: reads by day, their limits, and whether principals were changed.

Apart from ``schema``, with steps of their own: they are no part of taking objects in.
"""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

reading = sa.Table(
    "reading",
    METADATA,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("day", sa.BigInteger, primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("alarms", sa.Integer, nullable=False),
)
"""Bytes of objects that a principal read on a UTC day, and how many alarms that gave."""

read_limit = sa.Table(
    "read_limit",
    METADATA,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)
"""Beyond so many bytes a day an alarm is due, for principals that ``principal add`` made."""

generation = sa.Table(
    "generation",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
)
"""Counts changes; each worker looks once a second and forgets what it remembered."""

STEPS = (
    """
    CREATE TABLE reading (
        principal TEXT, day BIGINT, bytes BIGINT NOT NULL, alarms INTEGER NOT NULL, PRIMARY KEY (principal, day)
    );
    CREATE TABLE read_limit (principal TEXT PRIMARY KEY, bytes BIGINT NOT NULL);
    CREATE TABLE generation (name TEXT PRIMARY KEY, number BIGINT NOT NULL)
    """,
)
