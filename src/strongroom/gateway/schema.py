"""The gateway's own tables, beside the log's. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

principal = sa.Table(
    "principal",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("managed", sa.Integer, nullable=False),
    sa.Column("disabled", sa.Integer, nullable=False),
    sa.Column("quota_bytes", sa.BigInteger),
    sa.Column("quota_objects", sa.BigInteger),
    sa.Column("quota_snapshots", sa.BigInteger),
    sa.Column("addresses", sa.Text, nullable=False),
)
"""Who may ask. ``managed`` is 1 for those made by ``principal add``; a user of an htpasswd file gets an ID here, too.
Quotas are bytes, objects, and snapshots a day; ``addresses`` are networks, separated by spaces, none for all."""

token = sa.Table(
    "token",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger),
)

grant = sa.Table(
    "access",
    METADATA,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
)
"""Which role a principal has for a repository's path."""

repository = sa.Table(
    "repository",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("frozen", sa.Integer, nullable=False),
    sa.Column("adopting", sa.Integer, nullable=False),
    sa.Column("panic", sa.Integer, nullable=False),
    sa.Column("creator", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Index("repository_path", "path"),
)
"""``frozen``: no key is admitted any more. ``adopting``: objects that were there before us still lack their leaves.
``panic``: nothing but locks is written. ``creator``: the principal for whom it counts until it has a config."""

lock = sa.Table(
    "lock_owner",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
)

key_window = sa.Table(
    "key_window",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
)

usage = sa.Table(
    "usage",
    METADATA,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("objects", sa.BigInteger, nullable=False),
    sa.Column("day", sa.BigInteger, nullable=False),
    sa.Column("snapshots", sa.BigInteger, nullable=False),
)
"""What a principal has stored; ``snapshots`` are those of the UTC day ``day``. ``*`` is all of them together."""

counted = sa.Table(
    "counted",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("next", sa.BigInteger, nullable=False),
)
"""How far each repository's leaves are in ``usage``: the first sequence number that is not."""

reservation = sa.Table(
    "reservation",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
    sa.Column("snapshots", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("repository", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("kind", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Column("name", sa.Text, nullable=False, server_default=sa.text("''")),
)
"""What uploads under way will take, one object each; a row whose worker died ends by itself."""

refusal = sa.Table(
    "refusal",
    METADATA,
    sa.Column("principal", sa.Text, primary_key=True),
    sa.Column("reason", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("last_ns", sa.BigInteger, nullable=False),
)

lock_data = sa.Table(
    "lock_data",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
)
"""Locks of repositories in a bucket: the gateway's key for the bucket needs no right to delete."""

intent = sa.Table(
    "intent",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
)
"""Uploads to a bucket between the end of their body and their receipt."""

guarantee = sa.Table(
    "promise",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
)
"""What the bucket was found to do, the last time that it was asked."""

enrolled = sa.Table(
    "enrolled",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("enroller", sa.Text, nullable=False),
    *(
        sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))
        for name in ("key", "token", "path", "awaited")
    ),
)
"""Names of principals that an enroller let in, and its ID. ``key``: the ID of the key that the name belongs to;
``token``: what it claimed; ``path``: of its repository; ``awaited``: the key that an operator lets have the name."""

STEPS = (
    """
    CREATE TABLE principal (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ns BIGINT NOT NULL, managed INTEGER NOT NULL,
        disabled INTEGER NOT NULL, quota_bytes BIGINT, quota_objects BIGINT, quota_snapshots BIGINT,
        addresses TEXT NOT NULL
    );
    CREATE TABLE token (
        id TEXT PRIMARY KEY, principal TEXT NOT NULL, sha256 {blob} NOT NULL, created_ns BIGINT NOT NULL,
        expires_ns BIGINT
    );
    CREATE TABLE access (principal TEXT, repository TEXT, role TEXT NOT NULL, PRIMARY KEY (principal, repository));
    CREATE TABLE repository (
        id TEXT PRIMARY KEY, path TEXT NOT NULL, created_ns BIGINT NOT NULL, frozen INTEGER NOT NULL,
        adopting INTEGER NOT NULL, panic INTEGER NOT NULL
    );
    CREATE TABLE lock_owner (
        repository TEXT, name TEXT, principal TEXT NOT NULL, created_ns BIGINT NOT NULL, PRIMARY KEY (repository, name)
    );
    CREATE TABLE key_window (
        repository TEXT, name TEXT, until_ns BIGINT NOT NULL, PRIMARY KEY (repository, name)
    );
    CREATE TABLE usage (
        principal TEXT PRIMARY KEY, bytes BIGINT NOT NULL, objects BIGINT NOT NULL, day BIGINT NOT NULL,
        snapshots BIGINT NOT NULL
    );
    CREATE TABLE reservation (
        id TEXT PRIMARY KEY, principal TEXT NOT NULL, bytes BIGINT NOT NULL, until_ns BIGINT NOT NULL
    );
    CREATE TABLE refusal (
        principal TEXT, reason TEXT, count BIGINT NOT NULL, last_ns BIGINT NOT NULL, PRIMARY KEY (principal, reason)
    )
    """,
    """
    CREATE TABLE lock_data (
        repository TEXT, name TEXT, data {blob} NOT NULL, created_ns BIGINT NOT NULL, PRIMARY KEY (repository, name)
    );
    CREATE TABLE intent (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL, repository TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL,
        name TEXT NOT NULL, sha256 TEXT NOT NULL, size BIGINT NOT NULL, principal TEXT NOT NULL,
        created_ns BIGINT NOT NULL
    );
    CREATE TABLE promise (name TEXT PRIMARY KEY, value TEXT NOT NULL, at_ns BIGINT NOT NULL);
    CREATE INDEX repository_path ON repository (path)
    """,
    "ALTER TABLE reservation ADD COLUMN snapshots BIGINT NOT NULL DEFAULT 0",
    """
    CREATE TABLE counted (repository TEXT PRIMARY KEY, next BIGINT NOT NULL);
    DELETE FROM usage;
    ALTER TABLE repository ADD COLUMN creator TEXT NOT NULL DEFAULT '';
    ALTER TABLE reservation ADD COLUMN repository TEXT NOT NULL DEFAULT '';
    ALTER TABLE reservation ADD COLUMN kind TEXT NOT NULL DEFAULT '';
    ALTER TABLE reservation ADD COLUMN name TEXT NOT NULL DEFAULT ''
    """,
    "CREATE TABLE enrolled (name TEXT PRIMARY KEY, enroller TEXT NOT NULL)",
    """
    ALTER TABLE enrolled ADD COLUMN key TEXT NOT NULL DEFAULT '';
    ALTER TABLE enrolled ADD COLUMN token TEXT NOT NULL DEFAULT '';
    ALTER TABLE enrolled ADD COLUMN path TEXT NOT NULL DEFAULT '';
    ALTER TABLE enrolled ADD COLUMN awaited TEXT NOT NULL DEFAULT ''
    """,
)
