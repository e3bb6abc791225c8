"""What a keeper has written down, beside the record of its executor. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

kept = sa.Table(
    "keeper_replica",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("known_as", sa.Text, nullable=False),
    sa.Column("judge", sa.Text, nullable=False),
    sa.Column("hold", sa.Integer, nullable=False),
    sa.Column("detection", sa.Integer, nullable=False),
    sa.Column("expiry", sa.Integer, nullable=False),
    sa.Column("floor", sa.Integer, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("operators", sa.Integer, nullable=False, server_default="0"),
)
"""The one replica of this keeper: by the repository's ID, where it is, and what the custodian calls that place; whose
word counts, and the highest ``number`` of a statement of theirs. Days, how many snapshots always stay, and how many
operators sign what a person decides."""

plan = sa.Table(
    "keeper_plan",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("made_ns", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)
"""The keeper's plans, signed with its own key. ``state``: held, done, cancelled, undone."""

STEPS = (
    """
    CREATE TABLE keeper_replica (
        id TEXT PRIMARY KEY, store TEXT NOT NULL, known_as TEXT NOT NULL, judge TEXT NOT NULL, hold INTEGER NOT NULL,
        detection INTEGER NOT NULL, expiry INTEGER NOT NULL, floor INTEGER NOT NULL, number BIGINT NOT NULL
    );
    CREATE TABLE keeper_plan (
        number BIGINT PRIMARY KEY, kind TEXT NOT NULL, made_ns BIGINT NOT NULL, state TEXT NOT NULL,
        body {blob} NOT NULL, signature {blob} NOT NULL
    )
    """,
    "ALTER TABLE keeper_replica ADD COLUMN operators INTEGER NOT NULL DEFAULT 0",
)
