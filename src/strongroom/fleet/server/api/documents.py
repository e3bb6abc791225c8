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
    clock_offset: int | None
    """Milliseconds by which its clock is ahead, at its last report."""
    versions: dict[str, str]


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


class WatchPage(msgspec.Struct, frozen=True):
    """Watches, worst first."""

    items: list[WatchDocument]
    next: str | None
    """The cursor of the next page; null on the last."""


class HostPage(msgspec.Struct, frozen=True):
    """Hosts by name."""

    items: list[HostDocument]
    next: str | None


class RunPage(msgspec.Struct, frozen=True):
    """Runs of a host, newest first."""

    items: list[RunDocument]
    next: str | None


class AlertPage(msgspec.Struct, frozen=True):
    """Open alerts by subject."""

    items: list[AlertDocument]
    next: str | None


class ChannelPage(msgspec.Struct, frozen=True):
    """Channels by name."""

    items: list[ChannelDocument]
    next: str | None


class ProblemDocument(msgspec.Struct, frozen=True):
    """An error as RFC 9457 has it."""

    status: int
    title: str
    detail: str
    hint: str
