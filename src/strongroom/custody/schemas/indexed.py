"""The table of what indexes name. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

named = sa.Table(
    "custody_index",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("packs", sa.LargeBinary, nullable=False),
)
"""Of an index that was compared: the packs that it names as they were read to be, each blob of them, as the 32 bytes
of each one's hash. An index's name is the hash of its bytes, so what was true of it once stays true."""

STEPS = (
    """
    CREATE TABLE custody_index (repository TEXT, name TEXT, packs {blob} NOT NULL, PRIMARY KEY (repository, name))
    """,
)
