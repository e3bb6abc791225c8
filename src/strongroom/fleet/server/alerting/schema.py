"""The tables of alerts, of what was said, and of channels. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

from strongroom.fleet.server.schema import key_column, number_column, number_or_null, text_column

METADATA = sa.MetaData()

alert = sa.Table(
    "fleet_alert",
    METADATA,
    key_column("subject"),
    key_column("kind"),
    text_column("host"),
    number_column("critical"),
    text_column("words"),
    number_column("opened"),
    number_column("said"),
    number_column("acknowledged"),
    number_column("grouped"),
    number_or_null("absent_since"),
    number_column("flapping"),
)
"""Open alerts, see ``machine.py``."""

opening = sa.Table(
    "fleet_opening",
    METADATA,
    key_column("subject"),
    key_column("kind"),
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
)

notice = sa.Table(
    "fleet_notice",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    number_column("at"),
    text_column("said"),
    text_column("subject"),
    text_column("kind"),
    text_column("host"),
    number_column("critical"),
    text_column("words"),
)
"""What was to be said, in its order."""

channel = sa.Table(
    "fleet_channel",
    METADATA,
    key_column("name"),
    text_column("kind"),
    text_column("settings"),
    text_column("code_sha256"),
    number_or_null("proven"),
    number_column("sent_to"),
    text_column("trouble"),
)
"""``settings``: JSON. ``code_sha256``: of the code in its test message; ``proven``: when somebody typed it.
``sent_to``: the number of the last notice that was handed on, or that it leaves out."""

delivery = sa.Table(
    "fleet_delivery",
    METADATA,
    key_column("channel"),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    number_column("at"),
    number_column("due"),
    number_column("attempts"),
    number_or_null("done"),
    text_column("subject"),
    text_column("body"),
)
"""Messages of channels, with when to try next and when they went out."""

STEPS = (
    """
    CREATE TABLE fleet_alert (
        subject TEXT, kind TEXT, host TEXT NOT NULL, critical BIGINT NOT NULL, words TEXT NOT NULL,
        opened BIGINT NOT NULL, said BIGINT NOT NULL, acknowledged BIGINT NOT NULL, grouped BIGINT NOT NULL,
        absent_since BIGINT, flapping BIGINT NOT NULL, PRIMARY KEY (subject, kind)
    );
    CREATE TABLE fleet_opening (subject TEXT, kind TEXT, at BIGINT, PRIMARY KEY (subject, kind, at));
    CREATE TABLE fleet_notice (
        number BIGINT PRIMARY KEY, at BIGINT NOT NULL, said TEXT NOT NULL, subject TEXT NOT NULL, kind TEXT NOT NULL,
        host TEXT NOT NULL, critical BIGINT NOT NULL, words TEXT NOT NULL
    );
    CREATE TABLE fleet_channel (
        name TEXT PRIMARY KEY, kind TEXT NOT NULL, settings TEXT NOT NULL, code_sha256 TEXT NOT NULL, proven BIGINT,
        sent_to BIGINT NOT NULL, trouble TEXT NOT NULL
    );
    CREATE TABLE fleet_delivery (
        channel TEXT, number BIGINT, at BIGINT NOT NULL, due BIGINT NOT NULL, attempts BIGINT NOT NULL, done BIGINT,
        subject TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (channel, number)
    )
    """,
)
