"""The tables of a state that is not rolled back unseen. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

standing = sa.Table(
    "custody_continuity",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("head", sa.Text, nullable=False),
    sa.Column("brought_back_ns", sa.BigInteger),
    sa.Column("record", sa.LargeBinary),
    sa.Column("copy", sa.LargeBinary),
)
"""``number`` and ``head`` of the last record that was written beside the repository. ``record`` and ``copy``: the next
one and its audit copy, kept here before they are written there. ``brought_back_ns``: when it was last seen that this
state was not the newest."""

told = sa.Table(
    "custody_told",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("thing", sa.Text, primary_key=True),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("waiting", sa.Integer, nullable=False),
)
"""What the audit copies say, thing by thing. ``waiting``: of something that this state has not seen yet."""

STEPS = (
    """
    CREATE TABLE custody_continuity (
        repository TEXT PRIMARY KEY, number BIGINT NOT NULL, head TEXT NOT NULL, brought_back_ns BIGINT,
        record {blob}, copy {blob}
    );
    CREATE TABLE custody_told (
        repository TEXT, thing TEXT, words TEXT NOT NULL, waiting INTEGER NOT NULL, PRIMARY KEY (repository, thing)
    )
    """,
)
