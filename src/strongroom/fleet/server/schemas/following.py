"""The tables of what custodians and logs said. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

from strongroom.fleet.server.schemas.main import bytes_column, key_column, number_column, number_or_null, text_column

METADATA = sa.MetaData()

promise = sa.Table("fleet_promise", METADATA, key_column("custodian"), number_column("seconds"))
"""Within how many seconds after its last statement a custodian said that it comes again."""

log = sa.Table(
    "fleet_log",
    METADATA,
    key_column("gateway"),
    text_column("url"),
    text_column("key"),
    number_column("size"),
    bytes_column("edge"),
    number_column("since"),
    number_or_null("read"),
    text_column("trouble"),
    text_column("doubt"),
)
"""A log that is followed. ``edge``: the hashes of the tree's right edge. ``since``: from when on; ``read``: when it was
last read to its head; ``trouble``: why not since; ``doubt``: why its word counts no more."""

chain = sa.Table(
    "fleet_chain",
    METADATA,
    key_column("gateway"),
    key_column("repository"),
    number_column("sequence"),
    text_column("leaf"),
)
"""The last receipt of each repository: its number and its hash."""

place = sa.Table(
    "fleet_place",
    METADATA,
    key_column("gateway"),
    key_column("repository"),
    text_column("path"),
    text_column("host"),
    text_column("name"),
    number_or_null("uploaded"),
)
"""A repository at a gateway. ``host`` and ``name``: of the host that joined with it, else empty. ``uploaded``: when an
object last came."""

receipt = sa.Table(
    "fleet_receipt",
    METADATA,
    key_column("gateway"),
    key_column("repository"),
    key_column("snapshot"),
    number_column("arrival"),
    sa.Index("fleet_receipt_snapshot", "snapshot"),
    sa.Index("fleet_receipt_age", "arrival"),
)
"""Snapshots that a log has, by the gateway's ID of their repository."""

opened = sa.Table("fleet_opened", METADATA, key_column("host"), key_column("repository"), number_column("at"))
"""Repositories whose sealed key the custodian has opened."""

asked = sa.Table("fleet_asked", METADATA, key_column("custodian"), number_column("at"))
"""When a custodian last asked what waits for it."""

begun = sa.Table(
    "fleet_begun",
    METADATA,
    key_column("host"),
    key_column("source"),
    number_column("at"),
)
"""Runs that a host said it has begun, when the report came, until it says that one has ended."""

clock = sa.Table("fleet_clock", METADATA, key_column("gateway"), number_column("ahead"), number_column("at"))
"""By how many seconds this server's clock was ahead of a gateway's when it looked last, and when that was."""

certificate = sa.Table(
    "fleet_certificate", METADATA, key_column("gateway"), number_column("until"), number_column("seen")
)
"""Until when a gateway's certificate is good, and when it was looked at."""

quota = sa.Table(
    "fleet_quota",
    METADATA,
    key_column("gateway"),
    key_column("principal"),
    key_column("unit"),
    text_column("name"),
    number_column("used"),
    number_column("most"),
    number_column("warned"),
)
"""What principals of a gateway may store, and have. ``unit``: bytes or objects; ``warned``: whether it is an alert."""

quota_look = sa.Table("fleet_quota_look", METADATA, key_column("gateway"), number_column("at"))
"""When a gateway last said it."""

care = sa.Table("fleet_care", METADATA, key_column("repository"), number_column("since"))
"""Since when a custodian states something of a repository."""

STEPS = (
    """
    CREATE TABLE fleet_promise (custodian TEXT PRIMARY KEY, seconds BIGINT NOT NULL)
    """,
    """
    CREATE TABLE fleet_log (
        gateway TEXT PRIMARY KEY, url TEXT NOT NULL, key TEXT NOT NULL, size BIGINT NOT NULL, edge {blob} NOT NULL,
        since BIGINT NOT NULL, read BIGINT, trouble TEXT NOT NULL, doubt TEXT NOT NULL
    );
    CREATE TABLE fleet_chain (
        gateway TEXT, repository TEXT, sequence BIGINT NOT NULL, leaf TEXT NOT NULL, PRIMARY KEY (gateway, repository)
    );
    CREATE TABLE fleet_place (
        gateway TEXT, repository TEXT, path TEXT NOT NULL, host TEXT NOT NULL, name TEXT NOT NULL, uploaded BIGINT,
        PRIMARY KEY (gateway, repository)
    );
    CREATE TABLE fleet_receipt (
        gateway TEXT, repository TEXT, snapshot TEXT, arrival BIGINT NOT NULL,
        PRIMARY KEY (gateway, repository, snapshot)
    );
    CREATE INDEX fleet_receipt_snapshot ON fleet_receipt (snapshot)
    """,
    """
    CREATE TABLE fleet_opened (host TEXT, repository TEXT, at BIGINT NOT NULL, PRIMARY KEY (host, repository));
    CREATE TABLE fleet_asked (custodian TEXT PRIMARY KEY, at BIGINT NOT NULL)
    """,
    """
    CREATE TABLE fleet_begun (host TEXT, source TEXT, at BIGINT NOT NULL, PRIMARY KEY (host, source))
    """,
    """
    CREATE INDEX fleet_receipt_age ON fleet_receipt (arrival)
    """,
    """
    CREATE TABLE fleet_clock (gateway TEXT PRIMARY KEY, ahead BIGINT NOT NULL, at BIGINT NOT NULL);
    CREATE TABLE fleet_certificate (gateway TEXT PRIMARY KEY, until BIGINT NOT NULL, seen BIGINT NOT NULL)
    """,
    """
    CREATE TABLE fleet_quota (
        gateway TEXT, principal TEXT, unit TEXT, name TEXT NOT NULL, used BIGINT NOT NULL, most BIGINT NOT NULL,
        warned BIGINT NOT NULL, PRIMARY KEY (gateway, principal, unit)
    );
    CREATE TABLE fleet_quota_look (gateway TEXT PRIMARY KEY, at BIGINT NOT NULL)
    """,
    "CREATE TABLE fleet_care (repository TEXT PRIMARY KEY, since BIGINT NOT NULL)",
)
