"""Tables of what the gateway watches: reads by day, their limits, changed principals, what was lost or came unseen.

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

comparison = sa.Table(
    "comparison",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("next_ns", sa.BigInteger, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("lost", sa.BigInteger, nullable=False),
    sa.Column("unlogged", sa.BigInteger, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
)
"""When a repository's log is compared with its store again, and what the last comparison, at ``at_ns``, found."""

adoption = sa.Table(
    "adoption",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
)
"""How many objects that had come past the gateway were adopted at a start, and when."""

copied = sa.Table(
    "copied",
    METADATA,
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("repository", sa.Text, nullable=False),
)
"""Paths of folders that have the ID of another one, which they were copied from."""

STEPS = (
    """
    CREATE TABLE reading (
        principal TEXT, day BIGINT, bytes BIGINT NOT NULL, alarms INTEGER NOT NULL, PRIMARY KEY (principal, day)
    );
    CREATE TABLE read_limit (principal TEXT PRIMARY KEY, bytes BIGINT NOT NULL);
    CREATE TABLE generation (name TEXT PRIMARY KEY, number BIGINT NOT NULL)
    """,
    """
    CREATE TABLE comparison (
        repository TEXT PRIMARY KEY, path TEXT NOT NULL, next_ns BIGINT NOT NULL, at_ns BIGINT NOT NULL,
        lost BIGINT NOT NULL, unlogged BIGINT NOT NULL, said TEXT NOT NULL
    )
    """,
    "CREATE TABLE adoption (repository TEXT PRIMARY KEY, count BIGINT NOT NULL, at_ns BIGINT NOT NULL)",
    "CREATE TABLE copied (path TEXT PRIMARY KEY, repository TEXT NOT NULL)",
)
