"""The custodian's tables. A step that was released is never edited."""

from __future__ import annotations

import sqlalchemy as sa

from strongroom.database.migrations import only_where

METADATA = sa.MetaData()

repository = sa.Table(
    "custody_repository",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    sa.Column("store", sa.Text, nullable=False),
    sa.Column("adopted_ns", sa.BigInteger, nullable=False),
    sa.Column("config_sha256", sa.Text, nullable=False),
    sa.Column("key_name", sa.Text, nullable=False),
    sa.Column("sealed_master", sa.LargeBinary, nullable=False),
    sa.Column("sealed_password", sa.LargeBinary, nullable=False),
    sa.Column("policy", sa.Text, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("losses", sa.BigInteger, nullable=False),
    sa.Column("returned", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("retired_ns", sa.BigInteger),
    sa.Column("config", sa.LargeBinary, nullable=False),
    sa.Column("key_file", sa.LargeBinary, nullable=False),
)
"""What was adopted. ``config`` and ``key_file`` are the bytes in the store: a password opens nothing without them.
``sealed_*`` are age files: the master key for the identity alone, so that a round pays no scrypt, and the custody key's
password for the kit as well. ``policy`` is JSON. ``generation``, ``losses`` and ``returned`` are those of
``catalogue.py``."""

pinned_key = sa.Table(
    "custody_key",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("pinned_ns", sa.BigInteger, nullable=False),
)
"""Names of key files that were there when it was adopted, or that an operator accepted."""

stored = sa.Table(
    "custody_object",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("stamp_ns", sa.BigInteger),
    sa.Column("arrival_ns", sa.BigInteger, nullable=False),
    sa.Column("earliest_ns", sa.BigInteger, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("gone_ns", sa.BigInteger),
    sa.Column("verified_ns", sa.BigInteger),
    sa.Column("sound_ns", sa.BigInteger),
    sa.Column("fault", sa.Text),
    sa.Column("proven", sa.Integer, nullable=False),
    sa.Index("custody_object_turn", "repository", "gone_ns", "verified_ns"),
    sa.Index("custody_object_fault", "repository", **only_where("fault IS NOT NULL")),
)
"""Every object seen. ``earliest_ns``: it cannot have come before. ``gone_ns``: since when it is missing.
``verified_ns``: when it was last read whole, none where it is to be read; ``fault`` what was wrong then, none where all
was well; ``sound_ns`` when it was last well. ``proven``: of an index, whether packs were read to hold all it claims."""

pack = sa.Table(
    "custody_pack",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("blobs", sa.LargeBinary, nullable=False),
)
"""The catalogue: which blobs a pack was read to hold, as rows of ``catalogue.py``."""

snapshot = sa.Table(
    "custody_snapshot",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("claimed_ns", sa.BigInteger, nullable=False),
    sa.Column("arrival_ns", sa.BigInteger, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("judged_ns", sa.BigInteger, nullable=False),
    sa.Column("reasons", sa.Text, nullable=False),
    sa.Column("measures", sa.Text, nullable=False),
    sa.Column("operator", sa.Text, nullable=False),
    sa.Column("pinned", sa.Integer, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("whole", sa.BigInteger, nullable=False),
    sa.Column("dated", sa.Integer, nullable=False, server_default=sa.text("0")),
)
"""``generation``: the catalogue's, when the trees were last walked; ``whole``: its losses when all that the snapshot
reaches was there, -1 when something was not. ``document``: restic's fields as JSON. ``operator``: accepted,
condemned, or empty. ``reasons``: JSON, a list of code, value, threshold, words. ``measures``: JSON by name.
``dated``: an operator believes the claimed time, so that it takes slots by it."""

source = sa.Table(
    "custody_source",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("accepted", sa.Integer, nullable=False),
    sa.Column("first_ns", sa.BigInteger, nullable=False),
    sa.Column("extensions", sa.Text, nullable=False),
    sa.Column("counted", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
)
"""Hosts and paths that snapshots may claim; one that came after adoption waits for an operator. ``extensions``: how
many files end how in the good snapshot ``counted``, as JSON; what was seen once stays with 0.
``settings``: JSON of ``judging/settings.py``."""

tree_total = sa.Table(
    "custody_tree",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("id", sa.LargeBinary, primary_key=True),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
)
"""Files and bytes below a tree, so that no tree is counted twice."""

lacking_tree = sa.Table(
    "custody_lacking_tree",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("tree", sa.LargeBinary, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("blob", sa.LargeBinary, nullable=False),
    sa.Column("named", sa.BigInteger, nullable=False),
)
"""A tree that is not whole for as long as this blob is in no sound pack, as ``judging/lacking.py`` has it. ``named``:
how often the catalogue was shaken when indexes were last seen to name what there is of it; -1 if never."""

incident = sa.Table(
    "custody_incident",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("opened_ns", sa.BigInteger, nullable=False),
    sa.Column("closed_ns", sa.BigInteger),
    sa.Column("words", sa.Text, nullable=False),
    sa.Index("custody_incident_repository", "repository", "code", "object"),
)

plan = sa.Table(
    "custody_plan",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("made_ns", sa.BigInteger, nullable=False),
    sa.Column("due_ns", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("approved", sa.Text, nullable=False),
    sa.Column("document", sa.LargeBinary),
    sa.Column("signature", sa.LargeBinary),
)
"""``kind``: snapshots, indexes, packs, purge. ``state``: held, frozen, cancelled, executing, done, undone. ``body``:
JSON with what would go, and breakers. ``approved``: by whom, though it is large. ``document`` and ``signature`` are
what the executor believes; they never change once they are made."""

audit = sa.Table(
    "custody_audit",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("repository", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
"""Who decided what, when and why; ``hash`` covers the entry and the hash of the one before."""

round_ = sa.Table(
    "custody_round",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("began_ns", sa.BigInteger, nullable=False),
    sa.Column("looked_ns", sa.BigInteger),
    sa.Column("ended_ns", sa.BigInteger),
    sa.Column("outcome", sa.Text, nullable=False),
)
"""``looked_ns``: when the look began that listed all, where one did."""

lease = sa.Table(
    "custody_lease",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
)
"""Who works on a repository now. ``fence`` grows with each holder; a write of an older one is refused."""

drill = sa.Table(
    "custody_drill",
    METADATA,
    sa.Column("repository", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("snapshot", sa.Text, nullable=False),
    sa.Column("program", sa.Text, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("faults", sa.Text, nullable=False),
    sa.Column("signed", sa.Text, nullable=False),
)
"""Restores that were made to prove that restoring works; ``signed`` by the person who opened what was restored."""

recipient = sa.Table("custody_recipient", METADATA, sa.Column("recipient", sa.Text, primary_key=True))
"""Age recipients of the recovery kit: the identity behind them was printed and is stored nowhere."""

STEPS = (
    """
    CREATE TABLE custody_repository (
        id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, store TEXT NOT NULL, adopted_ns BIGINT NOT NULL,
        config_sha256 TEXT NOT NULL, key_name TEXT NOT NULL, sealed_master {blob} NOT NULL,
        sealed_password {blob} NOT NULL, policy TEXT NOT NULL, generation BIGINT NOT NULL, losses BIGINT NOT NULL,
        retired_ns BIGINT, config {blob} NOT NULL, key_file {blob} NOT NULL
    );
    CREATE TABLE custody_key (repository TEXT, name TEXT, pinned_ns BIGINT NOT NULL, PRIMARY KEY (repository, name));
    CREATE TABLE custody_object (
        repository TEXT, kind TEXT, name TEXT, size BIGINT NOT NULL, stamp_ns BIGINT, arrival_ns BIGINT NOT NULL,
        earliest_ns BIGINT NOT NULL, evidence TEXT NOT NULL, gone_ns BIGINT, verified_ns BIGINT, sound_ns BIGINT,
        fault TEXT, proven INTEGER NOT NULL, PRIMARY KEY (repository, kind, name)
    );
    CREATE TABLE custody_pack (repository TEXT, name TEXT, blobs {blob} NOT NULL, PRIMARY KEY (repository, name));
    CREATE TABLE custody_snapshot (
        repository TEXT, id TEXT, source TEXT NOT NULL, claimed_ns BIGINT NOT NULL, arrival_ns BIGINT NOT NULL,
        document TEXT NOT NULL, verdict TEXT NOT NULL, judged_ns BIGINT NOT NULL, reasons TEXT NOT NULL,
        measures TEXT NOT NULL, operator TEXT NOT NULL, pinned INTEGER NOT NULL, generation BIGINT NOT NULL,
        whole BIGINT NOT NULL, PRIMARY KEY (repository, id)
    );
    CREATE TABLE custody_source (
        repository TEXT, name TEXT, accepted INTEGER NOT NULL, first_ns BIGINT NOT NULL,
        extensions TEXT NOT NULL, counted TEXT NOT NULL, settings TEXT NOT NULL, PRIMARY KEY (repository, name)
    );
    CREATE TABLE custody_tree (
        repository TEXT, id {blob}, files BIGINT NOT NULL, bytes BIGINT NOT NULL, PRIMARY KEY (repository, id)
    );
    CREATE TABLE custody_incident (
        number BIGINT PRIMARY KEY, repository TEXT NOT NULL, code TEXT NOT NULL, object TEXT NOT NULL,
        opened_ns BIGINT NOT NULL, closed_ns BIGINT, words TEXT NOT NULL
    );
    CREATE INDEX custody_incident_repository ON custody_incident (repository, code, object);
    CREATE TABLE custody_plan (
        repository TEXT, number BIGINT, kind TEXT NOT NULL, made_ns BIGINT NOT NULL, due_ns BIGINT NOT NULL,
        state TEXT NOT NULL, body TEXT NOT NULL, approved TEXT NOT NULL, document {blob}, signature {blob},
        PRIMARY KEY (repository, number)
    );
    CREATE TABLE custody_audit (
        number BIGINT PRIMARY KEY, at_ns BIGINT NOT NULL, who TEXT NOT NULL, repository TEXT NOT NULL,
        what TEXT NOT NULL, why TEXT NOT NULL, hash TEXT NOT NULL
    );
    CREATE TABLE custody_round (
        repository TEXT, number BIGINT, began_ns BIGINT NOT NULL, looked_ns BIGINT, ended_ns BIGINT,
        outcome TEXT NOT NULL, PRIMARY KEY (repository, number)
    );
    CREATE TABLE custody_lease (
        repository TEXT PRIMARY KEY, holder TEXT NOT NULL, fence BIGINT NOT NULL, until_ns BIGINT NOT NULL
    );
    CREATE TABLE custody_drill (
        repository TEXT, number BIGINT, at_ns BIGINT NOT NULL, snapshot TEXT NOT NULL, program TEXT NOT NULL,
        files BIGINT NOT NULL, bytes BIGINT NOT NULL, faults TEXT NOT NULL, signed TEXT NOT NULL,
        PRIMARY KEY (repository, number)
    );
    CREATE TABLE custody_recipient (recipient TEXT PRIMARY KEY)
    """,
    """
    CREATE INDEX custody_object_turn ON custody_object (repository, gone_ns, verified_ns);
    CREATE INDEX custody_object_fault ON custody_object (repository) WHERE fault IS NOT NULL
    """,
    "ALTER TABLE custody_snapshot ADD COLUMN dated INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE custody_lacking_tree (
        repository TEXT, tree {blob}, kind TEXT NOT NULL, blob {blob} NOT NULL, named BIGINT NOT NULL,
        PRIMARY KEY (repository, tree)
    );
    ALTER TABLE custody_repository ADD COLUMN returned BIGINT NOT NULL DEFAULT 0
    """,
)
