"""The tables of replicas. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

place = sa.Table(
    "custody_replica",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
    sa.Column("ran_ns", sa.BigInteger),
    sa.Column("failure", sa.Text, nullable=False, server_default=sa.text("''")),
)
"""Where the replica of a repository is. ``ran_ns``: when a run last left nothing to be copied or read; ``failure``: why
the newest did not go through, in words."""

replica_object = sa.Table(
    "custody_replica_object",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("verified_ns", sa.BigInteger, nullable=False),
    sa.Column("fault", sa.Text),
    sa.Column("indexed", sa.Integer, nullable=False),
)
"""What was copied. ``verified_ns``: when its bytes were last hashed there; ``fault``: what was wrong then. ``indexed``:
of a pack, whether an index of the replica names it, and of an index, whether newer ones took over (``notes.py``)."""

STEPS = (
    """
    CREATE TABLE custody_replica (repository TEXT PRIMARY KEY, store TEXT NOT NULL, since_ns BIGINT NOT NULL);
    CREATE TABLE custody_replica_object (
        repository TEXT, kind TEXT, name TEXT, size BIGINT NOT NULL, verified_ns BIGINT NOT NULL, fault TEXT,
        indexed INTEGER NOT NULL, PRIMARY KEY (repository, kind, name)
    )
    """,
    """
    ALTER TABLE custody_replica ADD COLUMN ran_ns BIGINT;
    ALTER TABLE custody_replica ADD COLUMN failure TEXT NOT NULL DEFAULT ''
    """,
)
