"""The tables of alerts, of what was said, and of channels. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

from strongroom.fleet.server.schemas.main import key_column, number_column, number_or_null, text_column, text_or_empty

METADATA = sa.MetaData()

MOST_NOTICES = 1 << 62
"""No notice has a number that is as large."""

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
    sa.Column("escalated", sa.BigInteger, nullable=False, server_default="0"),
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
    sa.Column("escalated", sa.BigInteger, nullable=False, server_default="0"),
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
    number_or_null("weekly"),
    text_or_empty("seal"),
)
"""``seal``: see ``sealing.py``. ``weekly``: when it last carried the numbers of a week.

``settings``: JSON. ``code_sha256``: of the code in its test message; ``proven``: when somebody typed it.
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
    sa.Column("digest", sa.BigInteger, nullable=False, server_default="0"),
)
"""Messages of channels, with when to try next and when they went out. ``digest``: it waited for the end of quiet hours,
and goes out with the others that did."""

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
    """
    ALTER TABLE fleet_alert ADD COLUMN escalated BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE fleet_notice ADD COLUMN escalated BIGINT NOT NULL DEFAULT 0;
    ALTER TABLE fleet_channel ADD COLUMN weekly BIGINT;
    ALTER TABLE fleet_delivery ADD COLUMN digest BIGINT NOT NULL DEFAULT 0
    """,
    "ALTER TABLE fleet_channel ADD COLUMN seal TEXT NOT NULL DEFAULT ''",
)
