"""Joining: ``begin``, ``done`` and ``opened``, each of which may come again and then changes nothing.

A ticket belongs to the first key that shows its secret; another key is refused, and that is an alarm, since two have
the token. A wrong proof changes nothing at all, so nobody burns a ticket that he has merely heard of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Exists, Missing, Refused
from strongroom.fleet.protocol.chain import FIRST
from strongroom.fleet.protocol.enrolment import (
    DONE,
    OPENED,
    EnrolAnswer,
    EnrolDone,
    GatewayAccess,
    check_begin,
    parse_begin,
    parse_done,
    parse_opened,
)
from strongroom.fleet.protocol.signed import Forged, SignedMessage
from strongroom.fleet.server import schema
from strongroom.fleet.server.following.statements import known_custodian
from strongroom.fleet.server.tickets import check_name, find_ticket
from strongroom.fleet.server.watches import LAPTOP_LATE, keep_schedules

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.fleet.protocol.enrolment import EnrolBegin
    from strongroom.fleet.server.state import FleetState
    from strongroom.fleet.server.tickets import KnownTicket

JOINING, ACTIVE, RETIRED, REVOKED = "joining", "active", "retired", "revoked"
CLONED = "cloned"
"""The code of the suspicion that one key signs on two machines."""
STOLEN = "token-twice"
"""The code of the suspicion that two keys showed one token."""
_ASK = "Ask for a new token: `strongroom fleet invite` prints one."


def begin(state: FleetState, message: SignedMessage, admit: Callable[[str], tuple[GatewayAccess, ...]]) -> bytes:
    """The answer to an ``enrol-begin``. ``admit`` makes, or makes anew, what a host of this name may use of gateways.

    Raises ``Forged``, ``Refused``, ``Exists``, ``Damaged``, ``LimitExceeded``, or what ``admit`` raises.
    """
    asked, proof = parse_begin(message)
    now = state.now()
    with state.database.write() as connection:
        ticket = find_ticket(connection, asked.ticket)
        if ticket is None:
            raise Forged("this token is not of this server", hint=_ASK)
        check_begin(asked, proof, ticket.proof_key)
        check_name(ticket, asked.name)
        known = _host(connection, message.signer)
        if known is None:
            if now >= ticket.until:
                raise Refused("this token has ended", hint=_ASK)
            _take(connection, ticket, asked, message.signer, now)
        elif known.ticket != asked.ticket or known.name != asked.name:
            raise Refused("this key has joined with another token already", subject=known.name, hint=_ASK)
        elif known.state != JOINING:
            raise Refused("this host has joined already", subject=known.name)
    gateways = admit(asked.name)
    answer = EnrolAnswer(message.signer, asked.name, ticket.profile, False, gateways, now)
    return answer.to_bytes(message, ticket.proof_key)


def _take(connection: sa.Connection, ticket: KnownTicket, asked: EnrolBegin, signer: str, now: int) -> None:
    table = schema.host
    if ticket.uses < 1:
        owners = list(connection.execute(sa.select(table.c.id).where(table.c.ticket == ticket.id)).scalars())
        if len(owners) == 1:  # a token for many hosts is shown by many keys: one too many accuses none of them
            raise TokenShownTwice(str(owners[0]))
        raise Refused("this token was used up", hint=_ASK)
    named = connection.execute(sa.select(table).where(table.c.name == asked.name)).one_or_none()
    if named is not None and named.state != REVOKED:
        raise Exists(
            "there is a host of this name already", subject=asked.name, hint="Join with another --name, or revoke it."
        )
    if named is not None:
        renamed = f"{asked.name}~{named.id[:8]}"
        connection.execute(table.update().where(table.c.id == named.id).values(name=renamed))
    connection.execute(schema.ticket.update().where(schema.ticket.c.id == ticket.id).values(uses=ticket.uses - 1))
    row = {
        "id": signer,
        "name": asked.name,
        "public": asked.key,
        "profile": ticket.profile,
        "state": JOINING,
        "ticket": ticket.id,
        "joined": now,
        "sequence": 0,
        "head": FIRST,
        "versions": "{}",
    }
    connection.execute(table.insert(), row)


class TokenShownTwice(Refused):
    """Two keys have shown the secret of one token: one of the two is not who was invited."""

    def __init__(self, owner: str) -> None:
        super().__init__("this token was used by another key", hint=_ASK)
        self.owner = owner


def note_stolen(state: FleetState, owner: str) -> None:
    """Write down that a second key showed the token that this host joined by."""
    words = "a second key showed the token that this host joined by: somebody else has it"
    with state.database.write() as connection:
        suspect(connection, owner, STOLEN, state.now(), words)


def suspect(connection: sa.Connection, host: str, code: str, now: int, words: str) -> None:
    """Believe a host no more until an operator has looked; what is known already keeps its date."""
    table = schema.suspicion
    known = sa.select(table.c.code).where(table.c.host == host, table.c.code == code)
    if connection.execute(known).first() is None:
        connection.execute(table.insert(), {"host": host, "code": code, "since": now, "words": words})


def done(state: FleetState, message: SignedMessage) -> EnrolDone:
    """Take an ``enrol-done``: from now on the host is watched. Raises ``Missing``, ``Refused``, ``Forged``, …"""
    with state.database.write() as connection:
        host = live_host(connection, message)
        message.verify(DONE, bytes(host.public))
        said = parse_done(message)
        if said.host != host.id:
            raise Forged("the message is about another host than its signer", subject=said.host)
        kept = message.to_bytes()
        if host.done is not None and bytes(host.done) != kept and host.state != JOINING:
            raise Exists("this host has joined already, with another repository", subject=host.name)
        values = {"done": kept, "state": ACTIVE if host.state == JOINING else host.state}
        connection.execute(schema.host.update().where(schema.host.c.id == host.id).values(**values))
        operators = LAPTOP_LATE if host.profile == "laptop" else None
        ids = {one.name: one.id for one in said.repositories}
        now = state.now()
        for code, words in keep_schedules(connection, host.id, said.schedules, now, operators, ids).items():
            suspect(connection, str(host.id), code, now, words)
        return said


def opened(state: FleetState, message: SignedMessage) -> str:
    """Take the custodian's word that a sealed key opens; the host's ID. Raises ``Missing``, ``Forged``, …"""
    with state.database.write() as connection:
        row = known_custodian(connection, message)
        message.verify(OPENED, bytes(row.public))
        said = parse_opened(message)
        if _host(connection, said.host) is None:
            raise Missing("there is no such host", subject=said.host)
        values = {"opened": message.to_bytes()}
        connection.execute(schema.host.update().where(schema.host.c.id == said.host).values(**values))
        return said.host


def live_host(connection: sa.Connection, message: SignedMessage) -> sa.Row[tuple[object, ...]]:
    """The host that signed, by its ID alone: the signature is still to be verified. Raises ``Missing``, ``Refused``."""
    row = _host(connection, message.signer)
    if row is None:
        raise Missing("no host with this key has joined", subject=message.signer, hint=_ASK)
    if row.state == REVOKED:
        raise Refused("this host was revoked", subject=row.name, hint="An operator may invite it again.")
    return row


def _host(connection: sa.Connection, host: str) -> sa.Row[tuple[object, ...]] | None:
    return connection.execute(sa.select(schema.host).where(schema.host.c.id == host)).one_or_none()
