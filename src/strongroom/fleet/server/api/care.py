"""What lies beyond single backups: repositories in care, incidents, gateways, and what waits for a person."""

from __future__ import annotations

import json
from shlex import quote
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.fleet.protocol.fingerprint_words import words_of
from strongroom.fleet.server.admitting.waiting import waiting_hosts
from strongroom.fleet.server.api.description import ApiRoute
from strongroom.fleet.server.api.documents import (
    DecisionDocument,
    GatewayDocument,
    IncidentDocument,
    InvitationDocument,
    QuotaDocument,
    RepositoryDocument,
)
from strongroom.fleet.server.api.pages import (
    DecisionPage,
    GatewayPage,
    IncidentPage,
    InvitationPage,
    QuotaPage,
    RepositoryPage,
)
from strongroom.fleet.server.api.reading import page_of
from strongroom.fleet.server.following.custodians import current_care
from strongroom.fleet.server.following.quotas import EVERYBODY
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.schemas import following
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from strongroom.fleet.server.api.reading import SharedStanding
    from strongroom.fleet.server.api.tokens import ApiToken
    from strongroom.fleet.server.state import FleetState

_Given = dict[str, str]


class CareApi:
    """The paths for it. What belongs to no host that a token sees is for tokens that see all."""

    def __init__(self, state: FleetState, shared: SharedStanding) -> None:
        self._state, self._shared = state, shared
        pages = ("cursor", "limit")
        self.routes = (
            ApiRoute(
                "/api/v1/repositories", "listRepositories", "Repositories in care", RepositoryPage, self._care, pages
            ),
            ApiRoute("/api/v1/incidents", "listIncidents", "Open incidents", IncidentPage, self._incidents, pages),
            ApiRoute(
                "/api/v1/decisions", "listDecisions", "What waits for a person", DecisionPage, self._decisions, pages
            ),
            ApiRoute(
                "/api/v1/invitations",
                "listInvitations",
                "Tokens that let hosts join still, without their secrets",
                InvitationPage,
                self._invitations,
                pages,
            ),
            ApiRoute("/api/v1/gateways", "listGateways", "Gateways whose logs are followed", GatewayPage,
                     self._gateways, pages),
            ApiRoute("/api/v1/quotas", "listQuotas", "How much of what may be stored is used", QuotaPage,
                     self._quotas, pages),
        )  # fmt: skip

    def _care(self, token: ApiToken, _given: _Given, cursor: str, limit: int) -> RepositoryPage:
        with self._state.database.read() as connection:
            found = [_repository(row, host) for row, host in _seen_care(connection, token)]
        found.sort(key=lambda one: (one.name, one.id))
        return RepositoryPage(*page_of(found, lambda one: [one.name, one.id], cursor, limit))

    def _incidents(self, token: ApiToken, _given: _Given, cursor: str, limit: int) -> IncidentPage:
        with self._state.database.read() as connection:
            found = [one for row, host in _seen_care(connection, token) for one in _incidents_of(row, host)]
        found.sort(key=lambda one: (one.repository, one.number, one.code))
        return IncidentPage(
            *page_of(found, lambda one: [one.repository, one.number, one.code], cursor, limit),
        )

    def _decisions(self, token: ApiToken, _given: _Given, cursor: str, limit: int) -> DecisionPage:
        found = self._suspicious(token)
        with self._state.database.read() as connection:
            doubted = _doubted(connection)
            for row, host in _seen_care(connection, token):
                found += _of_care(row, host, doubted.get(row.repository))
            if token.sees_all:
                found += _admissions(connection, self._state.now())
                query = sa.select(following.log).where(following.log.c.doubt != "")
                found += [_of_log(row) for row in connection.execute(query)]
        found.sort(key=lambda one: (one.kind, one.subject))
        return DecisionPage(*page_of(found, lambda one: [one.kind, one.subject], cursor, limit))

    def _suspicious(self, token: ApiToken) -> list[DecisionDocument]:
        found: dict[str, DecisionDocument] = {}
        for one in self._shared.get().watches:
            judgement = one.judgement
            if judgement.state is WatchState.SUSPICIOUS and token.sees(one.host):
                words = "; ".join(condition.words for condition in judgement.conditions if condition.critical)
                command = f"strongroom fleet alerts --believe {quote(one.host)}"
                made = DecisionDocument("believe", one.host, one.host, judgement.since, words, "server", command)
                found.setdefault(one.host, made)
        return list(found.values())

    def _invitations(self, token: ApiToken, _given: _Given, cursor: str, limit: int) -> InvitationPage:
        table, now = schema.ticket, self._state.now()
        columns = [column for column in table.c if column.name not in ("proof_key", "card")]
        found = []
        if token.sees_all:
            with self._state.database.read() as connection:
                rows = connection.execute(sa.select(*columns).where(table.c.until > now).order_by(table.c.id)).all()
            found = [
                InvitationDocument(row.id, row.name, row.profile, row.uses, row.made, row.until, bool(row.replaces))
                for row in rows
            ]
        return InvitationPage(*page_of(found, lambda one: [one.id], cursor, limit))

    def _gateways(self, token: ApiToken, _given: _Given, cursor: str, limit: int) -> GatewayPage:
        log, certificate, clock = following.log, following.certificate, following.clock
        query = (
            sa.select(log, certificate.c.until, clock.c.ahead)
            .outerjoin(certificate, certificate.c.gateway == log.c.gateway)
            .outerjoin(clock, clock.c.gateway == log.c.gateway)
        )
        found = []
        if token.sees_all:
            with self._state.database.read() as connection:
                rows = connection.execute(query).all()
            found = [
                GatewayDocument(
                    row.gateway, row.url, row.size, row.read, row.trouble, row.doubt, row.until, row.ahead
                )
                for row in rows
            ]  # fmt: skip
        found.sort(key=lambda one: one.name)
        return GatewayPage(*page_of(found, lambda one: [one.name], cursor, limit))

    def _quotas(self, token: ApiToken, _given: _Given, cursor: str, limit: int) -> QuotaPage:
        table, looked = following.quota, following.quota_look
        query = sa.select(table, looked.c.at).join(looked, looked.c.gateway == table.c.gateway)
        with self._state.database.read() as connection:
            rows = connection.execute(query).all()
        found = [
            (QuotaDocument(row.gateway, row.name, row.unit, row.used, row.most, row.at), row.principal)
            for row in rows
            if token.sees_all or (row.principal != EVERYBODY and token.sees(row.name))
        ]
        found.sort(key=lambda one: _quota_key(*one))
        items, following_page = page_of(found, lambda one: list(_quota_key(*one)), cursor, limit)
        return QuotaPage([one for one, _ in items], following_page)


def _quota_key(one: QuotaDocument, principal: str) -> tuple[str, str, str, str]:
    return one.gateway, one.name, one.unit, principal


def _seen_care(connection: sa.Connection, token: ApiToken) -> list[tuple[Any, str]]:
    """What is stated of repositories that a token sees, with the host that made each."""
    owner, host = schema.repository, schema.host
    names = sa.select(owner.c.repository, host.c.name).join(host, host.c.id == owner.c.host)
    made = {repository: str(name) for repository, name in connection.execute(names)}
    rows = [(row, made.get(row.repository, "")) for row in connection.execute(current_care())]
    return [(row, name) for row, name in rows if token.sees_all or (name and token.sees(name))]


def _repository(row: Any, host: str) -> RepositoryDocument:
    return RepositoryDocument(
        row.repository, row.name, host, row.standing, row.at, row.round_ended, row.check_by, row.drilled,
        bool(row.drill_sound), row.plans_waiting, len(_incidents_of(row, host)),
    )  # fmt: skip


def _incidents_of(row: Any, host: str) -> list[IncidentDocument]:
    try:
        return [
            IncidentDocument(
                row.repository, int(one["number"]), row.name, host, str(one["code"]), int(one["opened"]),
                str(one["words"]),
            )
            for one in json.loads(row.incidents)
        ]  # fmt: skip
    except (KeyError, RecursionError, TypeError, ValueError):
        return []  # one row that makes no sense hides no other repository


def _doubted(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    """By repository: how many snapshots are suspicious, and when the first of them arrived."""
    seen = schema.seen
    query = sa.select(seen.c.repository, sa.func.count(), sa.func.min(seen.c.arrival))
    rows = connection.execute(query.where(seen.c.verdict == "suspicious").group_by(seen.c.repository))
    return {repository: (count, since) for repository, count, since in rows}


def _of_care(row: Any, host: str, doubted: tuple[int, int] | None) -> list[DecisionDocument]:
    """Snapshots of a repository that are suspicious, and plans that wait."""
    found, subject = [], f"{row.name} {row.repository[:8]}"
    if doubted is not None:
        count, since = doubted
        words = f"{count} {'snapshot is' if count == 1 else 'snapshots are'} suspicious: accept or condemn"
        command = f"strongroom custody snapshots {quote(row.name)}"
        found.append(DecisionDocument("judge", subject, host, since, words, "custodian", command))
    if row.plans_waiting:
        words = f"{row.plans_waiting} {'plan waits' if row.plans_waiting == 1 else 'plans wait'} to delete something"
        found.append(DecisionDocument("plan", subject, host, None, words, "custodian", "strongroom custody plan show"))
    return found


def _admissions(connection: sa.Connection, now: int) -> list[DecisionDocument]:
    found = []
    for row in waiting_hosts(connection, now):
        words = f"waits to join by the token {row.ticket} for {row.pattern}, from {row.network}"
        key = words_of(row.id)
        command = f"strongroom fleet approve {quote(row.name)} --key {key}"
        found.append(DecisionDocument("admit", f"{row.name} {key}", row.name, row.asked, words, "server", command))
    return found


def _of_log(row: Any) -> DecisionDocument:
    command = f"strongroom fleet alerts --believe {quote(row.gateway)}"
    return DecisionDocument("log", row.gateway, "", None, f"its log is not believed: {row.doubt}", "server", command)
