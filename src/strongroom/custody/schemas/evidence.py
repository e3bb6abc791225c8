"""What is kept of a gateway's log, of clocks, and of what we create ourselves. A released step is never edited."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

pinned_log = sa.Table(
    "custody_log",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("witness", sa.Text, nullable=False),
    sa.Column("witness_key", sa.Text, nullable=False),
    sa.Column("served", sa.Text, nullable=False),
    sa.Column("head", sa.LargeBinary),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("asked_ns", sa.BigInteger),
    sa.Column("failure", sa.Text, nullable=False),
    sa.Column("doubted", sa.Integer, nullable=False),
)
"""The log that a repository's receipts are in. ``url`` is the repository's at the gateway, ``key`` pinned at adoption.
``served``: the repository's ID at the gateway, empty until its first receipt. ``head`` is the newest that continued all
before it; ``sequence`` and ``previous``: number and hash of the last receipt. ``failure``: why it could not be asked
last. ``doubted``: its word counts no more, until an operator pins another."""

head = sa.Table(
    "custody_head",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, primary_key=True),
    sa.Column("witnessed", sa.Integer, primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
)
"""When the log had so many entries: by a round's clock, or by a witness's. Whatever is below came before, whatever is
not came later."""

receipt = sa.Table(
    "custody_receipt",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
    sa.Column("earliest_ns", sa.BigInteger),
    sa.Column("latest_ns", sa.BigInteger),
    sa.Column("principal", sa.Text, nullable=False),
    sa.Column("suspect", sa.Integer, nullable=False),
    sa.Column("present", sa.Integer, nullable=False),
)
"""The first receipt of each name, proven to be in the log. ``time_ns`` is what the gateway's clock said; it came
between ``earliest_ns`` and ``latest_ns``, as far as heads prove it. ``present``: whether by the log's last word it is
there."""

creation = sa.Table(
    "custody_creation",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
)
"""What we create, with its folder, written down before it is there: no log need know of it."""

made_key = sa.Table(
    "custody_made_key",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("file", sa.LargeBinary, nullable=False),
    sa.Column("sealed_password", sa.LargeBinary, nullable=False),
)
"""A custody key that waits for the gateway's window."""

decided = sa.Table(
    "custody_clock",
    METADATA,
    sa.Column("machine", sa.Text, primary_key=True),
    sa.Column("time_ns", sa.BigInteger, nullable=False),
    sa.Column("boot", sa.Text, nullable=False),
    sa.Column("boot_ns", sa.BigInteger, nullable=False),
)
"""The time that a machine of ours last decided by, in which boot, and how long after that boot's start."""

clocks = sa.Table(
    "custody_clocks",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
    sa.Column("doubt", sa.Text, nullable=False),
)
"""What clocks said in the last round: JSON, a list of source, machine and nanoseconds beside our own. ``doubt``: why
nothing goes by itself, empty when two machines agree."""

approval = sa.Table(
    "custody_approval",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("plan", sa.BigInteger, primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
)
"""When an operator last approved a plan: one that was due by then needs no second clock."""

STEPS = (
    """
    CREATE TABLE custody_log (
        repository TEXT PRIMARY KEY, url TEXT NOT NULL, key TEXT NOT NULL, witness TEXT NOT NULL,
        witness_key TEXT NOT NULL, served TEXT NOT NULL, head {blob}, sequence BIGINT NOT NULL,
        previous TEXT NOT NULL, asked_ns BIGINT, failure TEXT NOT NULL, doubted INTEGER NOT NULL
    );
    CREATE TABLE custody_head (
        repository TEXT, size BIGINT, witnessed INTEGER, at_ns BIGINT NOT NULL,
        PRIMARY KEY (repository, size, witnessed)
    );
    CREATE TABLE custody_receipt (
        repository TEXT, kind TEXT, name TEXT, sequence BIGINT NOT NULL, position BIGINT NOT NULL,
        time_ns BIGINT NOT NULL, earliest_ns BIGINT, latest_ns BIGINT, principal TEXT NOT NULL,
        suspect INTEGER NOT NULL, present INTEGER NOT NULL, PRIMARY KEY (repository, kind, name)
    );
    CREATE TABLE custody_creation (
        repository TEXT, name TEXT, at_ns BIGINT NOT NULL, PRIMARY KEY (repository, name)
    );
    CREATE TABLE custody_made_key (
        repository TEXT PRIMARY KEY, file {blob} NOT NULL, sealed_password {blob} NOT NULL
    );
    CREATE TABLE custody_clock (
        machine TEXT PRIMARY KEY, time_ns BIGINT NOT NULL, boot TEXT NOT NULL, boot_ns BIGINT NOT NULL
    );
    CREATE TABLE custody_clocks (
        repository TEXT PRIMARY KEY, at_ns BIGINT NOT NULL, said TEXT NOT NULL, doubt TEXT NOT NULL
    );
    CREATE TABLE custody_approval (
        repository TEXT, plan BIGINT, at_ns BIGINT NOT NULL, who TEXT NOT NULL, PRIMARY KEY (repository, plan)
    )
    """,
)
