"""The table of the lists of good snapshots that were written. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

good_list = sa.Table(
    "custody_good",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("made_ns", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("judge", sa.Text, nullable=False),
    sa.Column("kept", sa.Text, nullable=False),
    sa.Column("waiting", sa.LargeBinary),
)
"""The newest list of each repository. ``digest``: of what it says; ``judge``: the key that signed it; ``kept``: JSON of
the names of those that may still be there, the oldest first; ``waiting``: its bytes until they are written there."""

STEPS = (
    """
    CREATE TABLE custody_good (
        repository TEXT PRIMARY KEY, name TEXT NOT NULL, made_ns BIGINT NOT NULL, digest TEXT NOT NULL,
        judge TEXT NOT NULL, kept TEXT NOT NULL, waiting {blob}
    )
    """,
)
