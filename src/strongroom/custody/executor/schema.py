"""What the executor has seen itself, in a database of its own. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

repository = sa.Table(
    "executor_repository",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("judge", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("hold_ns", sa.BigInteger, nullable=False),
    sa.Column("expiry_ns", sa.BigInteger, nullable=False),
    sa.Column("looked_ns", sa.BigInteger),
)
"""Whose plans it takes, pinned at the first sight. ``hold_ns`` (H) and ``expiry_ns`` (E) only ever grow."""

stored = sa.Table(
    "executor_object",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("first_ns", sa.BigInteger, nullable=False),
    sa.Column("gone_ns", sa.BigInteger),
)
"""Objects that it listed. ``first_ns``: at which look, 0 for those that were there at the first one. ``gone_ns``: at
which look it was not there any more."""

plan = sa.Table(
    "executor_plan",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("first_ns", sa.BigInteger, nullable=False),
    sa.Column("days", sa.Text, nullable=False),
    sa.Column("forbidden", sa.Text, nullable=False),
    sa.Column("approved", sa.Text, nullable=False),
)
"""``days``: those on which it saw the plan, with spaces between. ``approved``: by whom, beyond the caps."""

confirmation = sa.Table(
    "executor_confirmation",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("begun_ns", sa.BigInteger, nullable=False),
    sa.Column("ended_ns", sa.BigInteger),
)
"""Each is used once."""

removal = sa.Table(
    "executor_removal",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("done_ns", sa.BigInteger),
)
"""What it removed, written down before it does."""

STEPS = (
    """
    CREATE TABLE executor_repository (
        id TEXT PRIMARY KEY, store TEXT NOT NULL, judge TEXT NOT NULL, epoch BIGINT NOT NULL, hold_ns BIGINT NOT NULL,
        expiry_ns BIGINT NOT NULL, looked_ns BIGINT
    );
    CREATE TABLE executor_object (
        repository TEXT, name TEXT, size BIGINT NOT NULL, first_ns BIGINT NOT NULL, gone_ns BIGINT,
        PRIMARY KEY (repository, name)
    );
    CREATE TABLE executor_plan (
        repository TEXT, number BIGINT, digest TEXT NOT NULL, kind TEXT NOT NULL, first_ns BIGINT NOT NULL,
        days TEXT NOT NULL, forbidden TEXT NOT NULL, approved TEXT NOT NULL, PRIMARY KEY (repository, number)
    );
    CREATE TABLE executor_confirmation (
        digest TEXT PRIMARY KEY, repository TEXT NOT NULL, number BIGINT NOT NULL, begun_ns BIGINT NOT NULL,
        ended_ns BIGINT
    );
    CREATE TABLE executor_removal (
        repository TEXT, name TEXT, number BIGINT, size BIGINT NOT NULL, at_ns BIGINT NOT NULL, done_ns BIGINT,
        PRIMARY KEY (repository, name, number)
    )
    """,
)
