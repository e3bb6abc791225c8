"""What the API answers, as types: its description is made from them, so that the two cannot differ.

Times are seconds since 1970; null for what never happened.
"""

from __future__ import annotations

import msgspec


class WatchDocument(msgspec.Struct, frozen=True):
    """A host's source in a repository, and how it stands."""

    host: str
    source: str
    repository: str
    state: str
    """suspicious, failed, late, incomplete, never, seeding, paused, ok or retired."""
    since: int | None
    last_good: int | None
    evidence: str
    """Whose word the last good backup is: claimed, custodian, or nothing."""
    failed_since: int | None
    due: int | None
    deadline: int | None
    """From when on the next backup is late; a pause moves it."""
    verified: int | None
    drilled: int | None
    bytes_added: int
    duration: int
    paused_until: int | None
    pause_reason: str
    wrong: list[str]
    """What is wrong with it, in words."""


class HostDocument(msgspec.Struct, frozen=True):
    """A host that has joined."""

    name: str
    id: str
    state: str
    profile: str
    joined: int
    reported: int | None
    clock_offset: int | None  # milliseconds by which its clock is ahead
    versions: dict[str, str]
    tags: list[str]


class RunDocument(msgspec.Struct, frozen=True):
    """A run as its host reported it: a claim."""

    sequence: int
    arrived: int
    id: str
    source: str
    due: int | None
    started: int
    ended: int | None
    code: int
    repositories: list[dict[str, str | int]]
    paths: list[str]
    log: str


class ReportDocument(msgspec.Struct, frozen=True):
    """A report as its host signed it, byte for byte: whoever has the host's key can verify it without this server."""

    sequence: int
    sha256: str
    arrived: int
    kind: str
    """run, start or hourly."""
    message: str
    """A line of ASCII with the signature, a line feed, and JSON."""


class AlertDocument(msgspec.Struct, frozen=True):
    """An open alert."""

    subject: str
    kind: str
    host: str
    critical: bool
    words: str
    opened: int
    acknowledged: bool
    grouped: bool


class ChannelDocument(msgspec.Struct, frozen=True):
    """A channel, without its settings."""

    name: str
    kind: str
    proven: int | None
    trouble: str


class SnapshotDocument(msgspec.Struct, frozen=True):
    """A snapshot that a log or the custodian has seen."""

    id: str
    repository: str
    """As the host calls it; of a host with no agent, the path at its gateway."""
    arrival: int
    verdict: str
    """The custodian's: good, suspicious, bad or pending; empty where none has said anything."""
    receipt: bool
    """Whether a gateway's log has it."""


class RepositoryDocument(msgspec.Struct, frozen=True):
    """A repository in care, as its custodian stated it last."""

    id: str
    name: str
    host: str
    """The host that made it; empty where none said so."""
    standing: str
    """well, late, operator awaited, frozen or broken."""
    stated: int
    round_ended: int | None
    check_by: int | None
    """By when all of it must have been read again."""
    drilled: int | None
    drill_sound: bool
    plans_waiting: int
    incidents: int


class IncidentDocument(msgspec.Struct, frozen=True):
    """Something that a custodian found wrong and that is open."""

    repository: str
    """The ID of the repository."""
    number: int
    name: str
    """What the custodian calls the repository."""
    host: str
    code: str
    opened: int
    words: str


class DecisionDocument(msgspec.Struct, frozen=True):
    """Something that waits for a person. Nothing is decided here: ``command`` is what decides it, where ``at`` says."""

    kind: str
    """admit, believe, judge, plan or log."""
    subject: str
    host: str
    since: int | None
    words: str
    at: str
    """server, or custodian."""
    command: str


class InvitationDocument(msgspec.Struct, frozen=True):
    """A token that lets hosts join still; without its secret."""

    id: str
    name: str
    """The host's name, or a pattern."""
    profile: str
    uses: int
    """How many hosts it lets in still; beyond them each waits for an operator."""
    made: int
    until: int
    replaces: bool


class GatewayDocument(msgspec.Struct, frozen=True):
    """A gateway whose log is followed."""

    name: str
    url: str
    entries: int
    read: int | None
    """When its log was last read to its head."""
    trouble: str
    """Why it was not read since."""
    doubt: str
    """Why its word counts no more."""
    certificate_until: int | None
    clock_ahead: int | None
    """Seconds by which this server's clock is ahead of its."""


class QuotaDocument(msgspec.Struct, frozen=True):
    """What a principal of a gateway may store, and has, as it ``said`` (seconds since 1970): bytes, or objects."""

    gateway: str
    name: str
    """The principal's, which is its host's; ``*`` for all of them together."""
    unit: str
    used: int
    most: int
    said: int


class ProblemDocument(msgspec.Struct, frozen=True):
    """An error as RFC 9457 has it."""

    status: int
    title: str
    detail: str
    hint: str
