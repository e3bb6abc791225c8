"""The judge's tables of what goes slowly. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

epoch = sa.Table(
    "custody_epoch",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("surveyed_ns", sa.BigInteger),
)
"""``epoch`` grows when the executor has seen more than this state knows: it was brought back, and its plans are void.
``surveyed_ns``: when it was last asked which packs may go."""

condemned = sa.Table(
    "custody_condemned",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("pack", sa.Text, primary_key=True),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
    sa.Column("unindexed_ns", sa.BigInteger),
)
"""Packs on their way out. ``unindexed_ns``: since when no listed index names it."""

use = sa.Table(
    "custody_pack_use",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("pack", sa.Text, primary_key=True),
    sa.Column("reached_ns", sa.BigInteger),
    sa.Column("leaving", sa.Integer, nullable=False),
)
"""``reached_ns``: when a snapshot was last seen to reach a blob of it. ``leaving``: its blobs were written anew."""

walked = sa.Table(
    "custody_walked",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("snapshot", sa.Text, primary_key=True),
)
"""Snapshots that were whole once."""

intent = sa.Table(
    "custody_intent",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("plan", sa.BigInteger, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("done_ns", sa.BigInteger),
    sa.Column("undone_ns", sa.BigInteger),
    sa.Column("purged_ns", sa.BigInteger),
)
"""What was meant to go, written down before it goes, so that no round takes it for lost. ``name``: with its folder."""

lock_seen = sa.Table(
    "custody_lock",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("first_ns", sa.BigInteger, nullable=False),
    sa.Column("last_ns", sa.BigInteger, nullable=False),
)
"""Locks that rounds saw. ``who``: host, user and process, since a lock that is refreshed has a new name each time."""

closed = sa.Table(
    "custody_closed",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("shaken", sa.BigInteger, nullable=False),
    sa.Column("packs", sa.LargeBinary, nullable=False),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
)
"""The condemned and removed packs of which no tree that is remembered needs anything, as ``deletion/closed.py`` has it:
names of 32 bytes each; how often the catalogue was shaken then; when all was walked."""

STEPS = (
    """
    CREATE TABLE custody_epoch (repository TEXT PRIMARY KEY, epoch BIGINT NOT NULL, surveyed_ns BIGINT);
    CREATE TABLE custody_condemned (
        repository TEXT, pack TEXT, since_ns BIGINT NOT NULL, unindexed_ns BIGINT, PRIMARY KEY (repository, pack)
    );
    CREATE TABLE custody_pack_use (
        repository TEXT, pack TEXT, reached_ns BIGINT, leaving INTEGER NOT NULL, PRIMARY KEY (repository, pack)
    );
    CREATE TABLE custody_walked (repository TEXT, snapshot TEXT, PRIMARY KEY (repository, snapshot));
    CREATE TABLE custody_intent (
        repository TEXT, name TEXT, plan BIGINT, size BIGINT NOT NULL, at_ns BIGINT NOT NULL, done_ns BIGINT,
        undone_ns BIGINT, purged_ns BIGINT, PRIMARY KEY (repository, name, plan)
    );
    CREATE TABLE custody_lock (
        repository TEXT, name TEXT, who TEXT NOT NULL, first_ns BIGINT NOT NULL, last_ns BIGINT NOT NULL,
        PRIMARY KEY (repository, name)
    )
    """,
    """
    CREATE TABLE custody_closed (
        repository TEXT PRIMARY KEY, shaken BIGINT NOT NULL, packs {blob} NOT NULL, since_ns BIGINT NOT NULL
    )
    """,
)
