"""The fleet server's tables. A step that was released is never edited. Times are seconds since 1970."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()


def text_column(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def text_or_empty(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))


def number_column(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def number_or_null(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger)


def bytes_column(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)


def key_column(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=True)


ticket = sa.Table(
    "fleet_ticket",
    METADATA,
    key_column("id"),
    bytes_column("proof_key"),
    text_column("name"),
    text_column("profile"),
    number_column("uses"),
    number_column("made"),
    number_column("until"),
    sa.Column("card", sa.LargeBinary),
    text_or_empty("replaces"),
)
"""``proof_key``: the SHA-256 of the secret, which nobody keeps. ``uses``: how many hosts may still join by it.
``replaces``: the ID of the host whose place is taken."""

host = sa.Table(
    "fleet_host",
    METADATA,
    key_column("id"),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    bytes_column("public"),
    text_column("profile"),
    text_column("state"),
    text_column("ticket"),
    number_column("joined"),
    number_column("sequence"),
    text_column("head"),
    number_or_null("reported"),
    number_or_null("clock_offset"),
    text_column("versions"),
    sa.Column("done", sa.LargeBinary),
    sa.Column("opened", sa.LargeBinary),
    sa.Column("kept", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    text_or_empty("replaces"),
    text_or_empty("places"),
    sa.Column("settled", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    text_or_empty("tags"),
    sa.Index("fleet_host_replaces", "replaces"),
)
"""``state``: joining, active, retired, revoked or replaced. ``sequence`` and ``head``: the newest report and its hash.
``replaces``: the ID of the host whose place it takes or took; ``places``: the URL of a gateway and the path
that it gave, a line each; ``settled``: whether gateways ended what its name could do before. ``tags``: an operator's.
``kept``: bytes of its reports that are kept.
``done`` and ``opened``: the messages of joining, as they were sent."""

report = sa.Table(
    "fleet_report",
    METADATA,
    key_column("host"),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    key_column("sha256"),
    number_column("arrived"),
    text_column("kind"),
    bytes_column("message"),
    sa.Index("fleet_report_age", "kind", "arrived"),
)
"""Reports as they were sent. Two of one number are a fork, and both stay."""

gap = sa.Table(
    "fleet_gap",
    METADATA,
    key_column("host"),
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    number_column("last"),
    number_column("seen"),
)
"""Numbers of reports that did not come."""

suspicion = sa.Table(
    "fleet_suspicion", METADATA, key_column("host"), key_column("code"), number_column("since"), text_column("words")
)
"""Why a host is not believed; it stays until an operator has looked."""

watch = sa.Table(
    "fleet_watch",
    METADATA,
    key_column("host"),
    key_column("source"),
    key_column("repository"),
    text_column("repository_id"),
    text_column("grammar"),
    text_column("calendar"),
    text_column("zone"),
    number_column("jitter"),
    number_or_null("operators_late"),
    number_column("hosts_late"),
    number_column("since"),
    number_or_null("last_good"),
    text_column("snapshot"),
    text_column("evidence"),
    number_column("answered"),
    number_or_null("due"),
    number_or_null("late"),
    number_or_null("twice"),
    number_or_null("last_run"),
    number_or_null("failed_since"),
    number_or_null("retry_at"),
    number_column("failure_code"),
    number_column("incomplete"),
    number_column("paused_until"),
    text_column("pause_reason"),
    number_column("retired"),
    number_column("bytes_added"),
    number_column("duration"),
)
"""Host, source and repository. ``evidence`` of the last good backup: claimed, or custodian. ``answered`` to ``twice``:
see ``judging/deadlines.py``. ``operators_late``: the server's own ``late_after``, none for the usual."""

stated = sa.Table(
    "fleet_stated",
    METADATA,
    key_column("repository"),
    text_column("name"),
    text_column("custodian"),
    text_column("standing"),
    number_column("at"),
    number_or_null("round_ended"),
    number_or_null("round_before"),
    number_or_null("round_long_before"),
    number_or_null("drilled"),
    number_column("drill_sound"),
    number_column("plans_waiting"),
    text_column("incidents"),
    number_or_null("check_by"),
)
"""What a custodian said last of a repository. ``incidents``: JSON. ``check_by``: when all must have been read again."""

seen = sa.Table(
    "fleet_seen",
    METADATA,
    key_column("repository"),
    key_column("snapshot"),
    number_column("arrival"),
    text_column("verdict"),
    sa.Column("host", sa.Text, nullable=False, server_default=sa.text("''")),
    sa.Index("fleet_seen_age", "arrival"),
)
"""Snapshots that a custodian has seen, by the ID of the repository, with the verdict that it stated last. ``host``: who
said that it made it."""

repository = sa.Table(
    "fleet_repository", METADATA, key_column("repository"), text_column("host"), number_column("since")
)
"""Which host made a repository, as it said when it joined: another host's word about it counts nothing."""

claim = sa.Table(
    "fleet_claim",
    METADATA,
    key_column("repository"),
    key_column("snapshot"),
    text_column("host"),
    text_column("source"),
    text_column("name"),
    number_column("at"),
)
"""Snapshots of repositories in a custodian's care that a host says it made, until the custodian has seen them good.
``at``: when the report came."""

custodian = sa.Table(
    "fleet_custodian",
    METADATA,
    key_column("id"),
    bytes_column("public"),
    number_column("number"),
    number_or_null("heard"),
    text_column("name"),
)
"""Custodians whose statements count, and the number of the last one."""

request = sa.Table(
    "fleet_request",
    METADATA,
    key_column("host"),
    text_column("id"),
    text_column("wish"),
    text_column("source"),
    number_column("made"),
    text_column("outcome"),
    text_column("words"),
    number_or_null("at"),
)
"""The newest request to each host. ``outcome``: waiting, or what the host said became of it, with words and when."""

lease = sa.Table(
    "fleet_lease", METADATA, key_column("name"), text_column("holder"), number_column("fence"), number_column("until")
)
"""Who evaluates. ``fence`` grows with each holder."""

STEPS = (
    """
    CREATE TABLE fleet_ticket (
        id TEXT PRIMARY KEY, proof_key {blob} NOT NULL, name TEXT NOT NULL, profile TEXT NOT NULL, uses BIGINT NOT NULL,
        made BIGINT NOT NULL, until BIGINT NOT NULL, card {blob}
    );
    CREATE TABLE fleet_host (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, public {blob} NOT NULL, profile TEXT NOT NULL,
        state TEXT NOT NULL, ticket TEXT NOT NULL, joined BIGINT NOT NULL, sequence BIGINT NOT NULL,
        head TEXT NOT NULL, reported BIGINT, clock_offset BIGINT, versions TEXT NOT NULL, done {blob}, opened {blob}
    );
    CREATE TABLE fleet_report (
        host TEXT, sequence BIGINT, sha256 TEXT, arrived BIGINT NOT NULL, kind TEXT NOT NULL, message {blob} NOT NULL,
        PRIMARY KEY (host, sequence, sha256)
    );
    CREATE TABLE fleet_gap (
        host TEXT, first BIGINT, last BIGINT NOT NULL, seen BIGINT NOT NULL, PRIMARY KEY (host, first)
    );
    CREATE TABLE fleet_suspicion (
        host TEXT, code TEXT, since BIGINT NOT NULL, words TEXT NOT NULL, PRIMARY KEY (host, code)
    );
    CREATE TABLE fleet_watch (
        host TEXT, source TEXT, repository TEXT, repository_id TEXT NOT NULL, grammar TEXT NOT NULL,
        calendar TEXT NOT NULL, zone TEXT NOT NULL, jitter BIGINT NOT NULL, operators_late BIGINT,
        hosts_late BIGINT NOT NULL, since BIGINT NOT NULL, last_good BIGINT, snapshot TEXT NOT NULL,
        evidence TEXT NOT NULL, answered BIGINT NOT NULL, due BIGINT, late BIGINT, twice BIGINT, last_run BIGINT,
        failed_since BIGINT, retry_at BIGINT, failure_code BIGINT NOT NULL, incomplete BIGINT NOT NULL,
        paused_until BIGINT NOT NULL, pause_reason TEXT NOT NULL, retired BIGINT NOT NULL, bytes_added BIGINT NOT NULL,
        duration BIGINT NOT NULL, PRIMARY KEY (host, source, repository)
    );
    CREATE TABLE fleet_stated (
        repository TEXT PRIMARY KEY, name TEXT NOT NULL, custodian TEXT NOT NULL, standing TEXT NOT NULL,
        at BIGINT NOT NULL, round_ended BIGINT, round_before BIGINT, round_long_before BIGINT, drilled BIGINT,
        drill_sound BIGINT NOT NULL, plans_waiting BIGINT NOT NULL, incidents TEXT NOT NULL
    );
    CREATE TABLE fleet_seen (
        repository TEXT, snapshot TEXT, arrival BIGINT NOT NULL, verdict TEXT NOT NULL,
        PRIMARY KEY (repository, snapshot)
    );
    CREATE TABLE fleet_claim (
        repository TEXT, snapshot TEXT, host TEXT NOT NULL, source TEXT NOT NULL, name TEXT NOT NULL,
        at BIGINT NOT NULL, PRIMARY KEY (repository, snapshot)
    );
    CREATE TABLE fleet_custodian (
        id TEXT PRIMARY KEY, public {blob} NOT NULL, number BIGINT NOT NULL, heard BIGINT, name TEXT NOT NULL
    );
    CREATE TABLE fleet_lease (
        name TEXT PRIMARY KEY, holder TEXT NOT NULL, fence BIGINT NOT NULL, until BIGINT NOT NULL
    )
    """,
    """
    ALTER TABLE fleet_host ADD COLUMN kept BIGINT NOT NULL DEFAULT 0;
    UPDATE fleet_host SET kept = (
        SELECT coalesce(sum(length(message)), 0) FROM fleet_report WHERE fleet_report.host = fleet_host.id
    );
    CREATE INDEX fleet_report_age ON fleet_report (kind, arrived);
    ALTER TABLE fleet_seen ADD COLUMN host TEXT NOT NULL DEFAULT '';
    CREATE TABLE fleet_repository (repository TEXT PRIMARY KEY, host TEXT NOT NULL, since BIGINT NOT NULL);
    INSERT INTO fleet_repository (repository, host, since)
        SELECT repository_id, min(host), min(since) FROM fleet_watch WHERE repository_id <> ''
        GROUP BY repository_id HAVING min(host) = max(host)
    """,
    """
    ALTER TABLE fleet_ticket ADD COLUMN replaces TEXT NOT NULL DEFAULT '';
    ALTER TABLE fleet_host ADD COLUMN replaces TEXT NOT NULL DEFAULT '';
    ALTER TABLE fleet_host ADD COLUMN places TEXT NOT NULL DEFAULT '';
    ALTER TABLE fleet_host ADD COLUMN settled BIGINT NOT NULL DEFAULT 0;
    CREATE INDEX fleet_host_replaces ON fleet_host (replaces);
    """,
    """
    CREATE TABLE fleet_request (
        host TEXT PRIMARY KEY, id TEXT NOT NULL, wish TEXT NOT NULL, source TEXT NOT NULL, made BIGINT NOT NULL,
        outcome TEXT NOT NULL, words TEXT NOT NULL, at BIGINT
    )
    """,
    "ALTER TABLE fleet_stated ADD COLUMN check_by BIGINT; CREATE INDEX fleet_seen_age ON fleet_seen (arrival)",
    "ALTER TABLE fleet_host ADD COLUMN tags TEXT NOT NULL DEFAULT ''",
)
