"""The log's tables, and the steps that bring older ones to them. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

from strongroom.database.migrations import SERIAL, only_where

METADATA = sa.MetaData()

chain = sa.Table(
    "chain",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("next", sa.BigInteger, nullable=False),
    sa.Column("head", sa.Text, nullable=False),
)
"""The end of each repository's chain: the next sequence number and the last leaf's hash."""

leaf = sa.Table(
    "leaf",
    METADATA,
    sa.Column("id", SERIAL, sa.Identity(always=True), primary_key=True),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("present", sa.Integer, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("log", sa.Integer),
    sa.Column("position", sa.BigInteger),
    sa.Index("leaf_name", "repository", "name", "kind", "id"),
    sa.Index("leaf_chain", "repository", "sequence"),
    sa.Index("leaf_position", "log", "position", unique=True, **only_where("position IS NOT NULL")),
    sa.Index("leaf_pending", "id", **only_where("position IS NULL")),
    sqlite_autoincrement=True,
)
"""Every receipt in the order of arrival; ``position`` is its index in the log, none while it is pending. ``present``
is 1 when the object is there after it."""

tile = sa.Table(
    "tile",
    METADATA,
    sa.Column("log", sa.Integer, primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)
"""The hash tiles, the last of each level partial."""

log = sa.Table(
    "log",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("assigned", sa.BigInteger, nullable=False),
    sa.Column("published", sa.BigInteger, nullable=False),
    sa.Column("checkpoint", sa.LargeBinary),
    sa.Column("cosigned", sa.LargeBinary),
    sa.Column("cosigned_ns", sa.BigInteger, nullable=False),
    sa.Column("stored", sa.BigInteger, nullable=False),
    sa.Column("stored_ns", sa.BigInteger, nullable=False),
    sa.Column("alarm", sa.Text),
)
"""The logs; the newest one grows. ``assigned`` leaves have an index, ``published`` are under a signed checkpoint."""

lease = sa.Table(
    "lease",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
)
"""Who does what only one should do at a time."""

clock_mark = sa.Table(
    "clock_mark",
    METADATA,
    sa.Column("boot", sa.Text, primary_key=True),
    sa.Column("offset_ns", sa.BigInteger, nullable=False),
    sa.Column("doubted_ns", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("steady_ns", sa.BigInteger),
)
"""Of each boot, by its ID: wall clock minus time since boot, when the clock was last doubted, by the time since boot,
and why (``clock_watch``); and the difference that durations are counted with (``steady``)."""

witnessing = sa.Table(
    "witnessing",
    METADATA,
    sa.Column("log", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("failure", sa.Text, nullable=False),
)
"""What the last submission of a log to its witness came to; empty when it was countersigned."""

STEPS = (
    """
    CREATE TABLE chain (repository TEXT PRIMARY KEY, next BIGINT NOT NULL, head TEXT NOT NULL);
    CREATE TABLE leaf (
        id {serial}, repository TEXT NOT NULL, sequence BIGINT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
        present INTEGER NOT NULL, hash {blob} NOT NULL, data {blob} NOT NULL, log INTEGER, position BIGINT
    );
    CREATE INDEX leaf_name ON leaf (repository, name, kind, id);
    CREATE INDEX leaf_chain ON leaf (repository, sequence);
    CREATE UNIQUE INDEX leaf_position ON leaf (log, position);
    CREATE INDEX leaf_pending ON leaf (id) WHERE position IS NULL;
    CREATE TABLE tile (
        log INTEGER, level INTEGER, number BIGINT, hashes {blob} NOT NULL, PRIMARY KEY (log, level, number)
    );
    CREATE TABLE log (
        id INTEGER PRIMARY KEY, origin TEXT NOT NULL, assigned BIGINT NOT NULL, published BIGINT NOT NULL,
        checkpoint {blob}, cosigned {blob}, cosigned_ns BIGINT NOT NULL, stored BIGINT NOT NULL,
        stored_ns BIGINT NOT NULL, alarm TEXT
    );
    CREATE TABLE lease (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until_ns BIGINT NOT NULL)
    """,
    """
    CREATE TABLE clock_mark (
        boot TEXT PRIMARY KEY, offset_ns BIGINT NOT NULL, doubted_ns BIGINT NOT NULL, reason TEXT NOT NULL
    )
    """,
    """
    DROP INDEX leaf_position;
    CREATE UNIQUE INDEX leaf_position ON leaf (log, position) WHERE position IS NOT NULL
    """,
    "CREATE TABLE witnessing (log INTEGER PRIMARY KEY, failure TEXT NOT NULL)",
    "ALTER TABLE clock_mark ADD COLUMN steady_ns BIGINT",
)
