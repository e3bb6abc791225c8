"""The pages on which the API answers its lists."""

from __future__ import annotations

import msgspec

from strongroom.fleet.server.api.documents import (
    AlertDocument,
    ChannelDocument,
    DecisionDocument,
    GatewayDocument,
    HostDocument,
    IncidentDocument,
    InvitationDocument,
    QuotaDocument,
    ReportDocument,
    RepositoryDocument,
    RunDocument,
    SnapshotDocument,
    WatchDocument,
)


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


class ReportPage(msgspec.Struct, frozen=True):
    """Reports of a host, newest first; two of one number are a fork."""

    items: list[ReportDocument]
    next: str | None


class AlertPage(msgspec.Struct, frozen=True):
    """Open alerts by subject."""

    items: list[AlertDocument]
    next: str | None


class ChannelPage(msgspec.Struct, frozen=True):
    """Channels by name."""

    items: list[ChannelDocument]
    next: str | None


class SnapshotPage(msgspec.Struct, frozen=True):
    """Snapshots of a host, newest first."""

    items: list[SnapshotDocument]
    next: str | None


class RepositoryPage(msgspec.Struct, frozen=True):
    """Repositories in care by name."""

    items: list[RepositoryDocument]
    next: str | None


class IncidentPage(msgspec.Struct, frozen=True):
    """Open incidents by repository."""

    items: list[IncidentDocument]
    next: str | None


class DecisionPage(msgspec.Struct, frozen=True):
    """What waits for a person, by kind."""

    items: list[DecisionDocument]
    next: str | None


class InvitationPage(msgspec.Struct, frozen=True):
    """Tokens that let hosts join still."""

    items: list[InvitationDocument]
    next: str | None


class GatewayPage(msgspec.Struct, frozen=True):
    """Gateways by name."""

    items: list[GatewayDocument]
    next: str | None


class QuotaPage(msgspec.Struct, frozen=True):
    """Quotas by gateway and name."""

    items: list[QuotaDocument]
    next: str | None
