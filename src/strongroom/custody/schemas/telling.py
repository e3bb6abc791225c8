"""The tables of what a fleet's server was told. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

server = sa.Table(
    "custody_fleet",
    METADATA,
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("pin", sa.Text, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("taken", sa.BigInteger, nullable=False),
    sa.Column("taken_ns", sa.BigInteger),
    sa.Column("followed_ns", sa.BigInteger),
    sa.Column("trouble", sa.Text, nullable=False),
    sa.Column("gateway", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("log_key", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("adopts", sa.BigInteger, nullable=False, server_default=sa.text("0")),
)
"""The one server that is told. ``number``: the last that a statement was given; ``taken``: the last that the server
confirmed, ``taken_ns`` when; ``followed_ns``: when `custody follow` last came round; ``trouble``: why not since.
``gateway``: where keys of hosts that join are opened, with our name and token; ``log_key``: its log's; ``adopts``:
whether their repositories come into care."""

told = sa.Table(
    "custody_stated",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("snapshot", sa.Text, primary_key=True),
    sa.Column("verdict", sa.Text, nullable=False),
)
"""Snapshots whose verdict the server has taken."""

STEPS = (
    """
    CREATE TABLE custody_fleet (
        url TEXT PRIMARY KEY, pin TEXT NOT NULL, number BIGINT NOT NULL, taken BIGINT NOT NULL, taken_ns BIGINT,
        followed_ns BIGINT, trouble TEXT NOT NULL
    );
    CREATE TABLE custody_stated (
        repository TEXT, snapshot TEXT, verdict TEXT NOT NULL, PRIMARY KEY (repository, snapshot)
    )
    """,
    """
    ALTER TABLE custody_fleet ADD COLUMN gateway TEXT NOT NULL DEFAULT '';
    ALTER TABLE custody_fleet ADD COLUMN log_key TEXT NOT NULL DEFAULT ''
    """,
    "ALTER TABLE custody_fleet ADD COLUMN adopts BIGINT NOT NULL DEFAULT 0",
)
