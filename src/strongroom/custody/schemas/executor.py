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
    sa.Column("operators", sa.Integer, nullable=False, server_default="0"),
    sa.Column("detection_ns", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("changes", sa.Integer, nullable=False, server_default="0"),
)
"""Whose plans it takes, pinned at the first sight. ``hold_ns`` (H), ``expiry_ns`` (E) and ``detection_ns`` (D) only
ever grow, and so does ``operators`` (how many must sign what a person decides), unless so many sign that it falls;
``changes`` counts how often they did."""

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

operator = sa.Table(
    "executor_operator",
    METADATA,
    sa.Column("public", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("added_ns", sa.BigInteger, nullable=False),
    sa.Column("gone_ns", sa.BigInteger),
)
"""The roster of operators: each public key with its name as one line. What was taken off it never comes back."""

word = sa.Table(
    "executor_word",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("verb", sa.Text, nullable=False),
    sa.Column("thing", sa.Text, nullable=False),
    sa.Column("public", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
    sa.Column("heard_ns", sa.BigInteger, nullable=False),
)
"""What operators said and signed, each once. ``repository`` is empty where it is about the roster."""

recovery = sa.Table(
    "executor_recovery",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("pinned_ns", sa.BigInteger, nullable=False),
)
"""The one signing key that may name new operators."""

naming = sa.Table(
    "executor_naming",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("keys", sa.Text, nullable=False),
    sa.Column("asked_ns", sa.BigInteger, nullable=False),
    sa.Column("due_ns", sa.BigInteger, nullable=False),
    sa.Column("days", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
)
"""Whom it named: ``keys`` and ``days`` on which the executor looked as JSON; ``outcome`` named, kept, or empty."""

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
    """
    ALTER TABLE executor_repository ADD COLUMN operators INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE executor_repository ADD COLUMN detection_ns BIGINT NOT NULL DEFAULT 0;
    CREATE TABLE executor_operator (
        public TEXT PRIMARY KEY, key TEXT NOT NULL, added_ns BIGINT NOT NULL, gone_ns BIGINT
    );
    CREATE TABLE executor_word (
        digest TEXT PRIMARY KEY, repository TEXT NOT NULL, verb TEXT NOT NULL, thing TEXT NOT NULL,
        public TEXT NOT NULL, body {blob} NOT NULL, signature {blob} NOT NULL, heard_ns BIGINT NOT NULL
    )
    """,
    "ALTER TABLE executor_repository ADD COLUMN changes INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE executor_recovery (key TEXT PRIMARY KEY, pinned_ns BIGINT NOT NULL);
    CREATE TABLE executor_naming (
        digest TEXT PRIMARY KEY, keys TEXT NOT NULL, asked_ns BIGINT NOT NULL, due_ns BIGINT NOT NULL,
        days TEXT NOT NULL, outcome TEXT NOT NULL
    )
    """,
)
