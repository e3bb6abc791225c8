"""What an executor on a machine of its own writes down beside its record. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

place = sa.Table(
    "executor_place",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("known_as", sa.Text, nullable=False),
    sa.Column("judge", sa.Text, nullable=False),
    sa.Column("credentials", sa.Text, nullable=False),
    sa.Column("hold", sa.Integer, nullable=False),
    sa.Column("detection", sa.Integer, nullable=False),
    sa.Column("expiry", sa.Integer, nullable=False),
    sa.Column("operators", sa.Integer, nullable=False),
    sa.Column("heard", sa.BigInteger, nullable=False),
)
"""The repositories that it lets go from: where they are, what the judge calls that place, whose word counts. Days, and
how many operators sign; ``heard``: the number of the last message of the judge's that was taken in."""

received = sa.Table(
    "executor_received",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("is_open", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("signature", sa.LargeBinary, nullable=False),
)
"""The judge's plans as they came; ``is_open``: whether its last word names this one as open."""

answer = sa.Table(
    "executor_answer",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("message", sa.BigInteger, primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)
"""What came of a confirmation, or of a wish to set something aside, by the number of the message that it came in."""

STEPS = (
    """
    CREATE TABLE executor_place (
        repository TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, store TEXT NOT NULL, known_as TEXT NOT NULL,
        judge TEXT NOT NULL, credentials TEXT NOT NULL, hold INTEGER NOT NULL, detection INTEGER NOT NULL,
        expiry INTEGER NOT NULL, operators INTEGER NOT NULL, heard BIGINT NOT NULL
    );
    CREATE TABLE executor_received (
        repository TEXT, digest TEXT, number BIGINT NOT NULL, is_open INTEGER NOT NULL, body {blob} NOT NULL,
        signature {blob} NOT NULL, PRIMARY KEY (repository, digest)
    );
    CREATE TABLE executor_answer (
        repository TEXT, message BIGINT, at_ns BIGINT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (repository, message)
    )
    """,
)
