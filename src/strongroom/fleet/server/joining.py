"""Joining: ``begin`` and ``done``, each of which may come again and then changes nothing.

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
    EnrolAnswer,
    EnrolDone,
    GatewayAccess,
    check_begin,
    parse_begin,
    parse_done,
)
from strongroom.fleet.protocol.signed import Forged, SignedMessage
from strongroom.fleet.server.admitting.taking_over import (
    REPLACED,
    check_replaceable,
    marked_name,
    plain_name,
    take_over,
)
from strongroom.fleet.server.admitting.tickets import check_name, find_ticket
from strongroom.fleet.server.admitting.waiting import APPROVED, WAITING, forget, hear, wait
from strongroom.fleet.server.following.places import place_given
from strongroom.fleet.server.ownership import bind_repositories
from strongroom.fleet.server.schemas import main as schema
from strongroom.fleet.server.watch_rows import load_watches, write_watches
from strongroom.fleet.server.watches import LAPTOP_LATE, keep_schedules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.fleet.protocol.enrolment import EnrolBegin
    from strongroom.fleet.protocol.gateway_claim import GatewayClaim
    from strongroom.fleet.server.admitting.tickets import KnownTicket
    from strongroom.fleet.server.gateways import EnrollingGateway
    from strongroom.fleet.server.state import FleetState

JOINING, ACTIVE, RETIRED, REVOKED = "joining", "active", "retired", "revoked"
CLONED = "cloned"
"""The code of the suspicion that one key signs on two machines."""
STOLEN = "token-twice"
"""The code of the suspicion that two keys showed one token."""
STOLEN_WORDS = "a second key showed the token that this host joined by: somebody else has it"
NEW_KEY = "If it was invited again: on the host move `fleet` in its state's folder away first, for a new key."
ASK = "Ask for a new token: `strongroom fleet invite` prints one."


def begin(
    state: FleetState, message: SignedMessage, gateways: Sequence[EnrollingGateway] = (), network: str = ""
) -> bytes:
    """The answer to an ``enrol-begin`` from a network. ``gateways`` let the host in by its own claim, unless it has to
    wait for an operator.

    Raises ``Forged``, ``Refused``, ``Exists``, ``Damaged``, ``LimitExceeded``, or what the gateways raise.
    """
    asked, proof = parse_begin(message)
    now = state.now()
    with state.database.read() as connection:  # nobody who has no token makes others wait
        _shown(connection, asked, proof)
    with state.database.write() as connection:
        ticket = _shown(connection, asked, proof, lock=True)
        known = _host(connection, message.signer)
        waits = False
        if known is None:
            waits = not _let_in(connection, ticket, asked, message.signer, network, now)
        elif known.done is None and known.ticket != asked.ticket and known.name == asked.name:
            _must_count(ticket, now)
            _go_on_with(connection, ticket, message.signer)
        elif known.state == REVOKED:
            raise Refused("this host was revoked", subject=known.name, hint=NEW_KEY)
        elif known.ticket != asked.ticket or plain_name(known.name) != asked.name:
            raise Refused("this key has joined with another token already", subject=known.name, hint=ASK)
        elif known.state != JOINING:
            raise Refused("this host has joined already", subject=known.name)
    accesses = () if waits else _admitted(gateways, asked.name, asked.claim)
    if accesses:
        places = "\n".join(place_given(one.url, one.path) for one in accesses)
        with state.database.write() as connection:
            connection.execute(schema.host.update().where(schema.host.c.id == message.signer).values(places=places))
    answer = EnrolAnswer(message.signer, asked.name, ticket.profile, waits, accesses, now)
    return answer.to_bytes(message, ticket.proof_key)


def _admitted(gateways: Sequence[EnrollingGateway], name: str, claim: GatewayClaim | None) -> tuple[GatewayAccess, ...]:
    if not gateways:
        return ()
    if claim is None:
        raise Refused("this host makes no token for gateways", subject=name, hint="Its program is too old for them.")
    return tuple(one.admit(name, claim, number) for number, one in enumerate(gateways))


def _shown(connection: sa.Connection, asked: EnrolBegin, proof: str, *, lock: bool = False) -> KnownTicket:
    ticket = find_ticket(connection, asked.ticket, lock=lock)
    if ticket is None:
        raise Forged("this token is not of this server", hint=ASK)
    check_begin(asked, proof, ticket.proof_key)
    check_name(ticket, asked.name)
    return ticket


def _must_count(ticket: KnownTicket, now: int) -> None:
    if now >= ticket.until:
        raise Refused("this token has ended", hint=ASK)


def _go_on_with(connection: sa.Connection, ticket: KnownTicket, signer: str) -> None:
    """The same key, which has not joined yet, shows another token: the first one's card named another place, say."""
    if ticket.uses < 1 or ticket.replaces:
        raise Refused("this token is for another host", hint=ASK)
    connection.execute(schema.ticket.update().where(schema.ticket.c.id == ticket.id).values(uses=ticket.uses - 1))
    values = {"ticket": ticket.id, "profile": ticket.profile, "state": JOINING}
    connection.execute(schema.host.update().where(schema.host.c.id == signer).values(**values))


def _let_in(
    connection: sa.Connection, ticket: KnownTicket, asked: EnrolBegin, signer: str, network: str, now: int
) -> bool:
    """Whether a new host is in. Beyond what a token for many lets in, each waits for an operator first."""
    word = hear(connection, ticket.id, signer, asked.name, now)
    if word == WAITING:
        return False
    if word != APPROVED:
        _must_count(ticket, now)
        if ticket.uses < 1:
            _check_used_up(connection, ticket)
            _check_free(connection, asked.name)
            wait(connection, ticket.id, signer, asked.name, network, now)
            return False
    forget(connection, signer)
    _take(connection, ticket, asked, signer, now)
    return True


def _check_used_up(connection: sa.Connection, ticket: KnownTicket) -> None:
    """Raise ``Refused`` unless the token was for many: one too many accuses none of them."""
    table = schema.host
    owners = list(connection.execute(sa.select(table.c.id).where(table.c.ticket == ticket.id)).scalars())
    if len(owners) == 1:
        raise TokenShownTwice(str(owners[0]))
    if not owners:
        raise Refused("this token was used up", hint=ASK)


def _check_free(connection: sa.Connection, name: str) -> sa.Row[tuple[object, ...]] | None:
    """Raise ``Exists`` where a host has the name; else the one that had it."""
    named = connection.execute(sa.select(schema.host).where(schema.host.c.name == name)).one_or_none()
    if named is not None and named.state != REVOKED:
        hint = f"Join with another --name. For a reinstalled machine: `strongroom fleet invite {name} --replace`."
        raise Exists("there is a host of this name already", subject=name, hint=hint)
    return named


def _take(connection: sa.Connection, ticket: KnownTicket, asked: EnrolBegin, signer: str, now: int) -> None:
    table, name, named = schema.host, asked.name, None
    if ticket.replaces:
        check_replaceable(connection, ticket.replaces, name)
        name = marked_name(name, signer)  # until it is done the other one has the name
    else:
        named = _check_free(connection, name)
    if named is not None:
        renamed = marked_name(asked.name, named.id)
        connection.execute(table.update().where(table.c.id == named.id).values(name=renamed))
    left = max(0, ticket.uses - 1)
    connection.execute(schema.ticket.update().where(schema.ticket.c.id == ticket.id).values(uses=left))
    row = {
        "id": signer,
        "name": name,
        "replaces": ticket.replaces,
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
        super().__init__("this token was used by another key", hint=ASK)
        self.owner = owner


def note_suspicion(state: FleetState, host: str, code: str, words: str) -> None:
    """``suspect`` in a transaction of its own, for what refuses the one in which it was seen."""
    with state.database.write() as connection:
        suspect(connection, host, code, state.now(), words)


def suspect(connection: sa.Connection, host: str, code: str, now: int, words: str) -> None:
    """Believe a host no more until an operator has looked; what is known already keeps its date."""
    table = schema.suspicion
    known = sa.select(table.c.code).where(table.c.host == host, table.c.code == code)
    if connection.execute(known).first() is None:
        connection.execute(table.insert(), {"host": host, "code": code, "since": now, "words": words})


def done(state: FleetState, message: SignedMessage) -> EnrolDone:
    """Take an ``enrol-done``: from now on the host is watched. Raises ``Missing``, ``Refused``, ``Forged``, …"""
    with state.database.read() as connection:  # nothing is written of what was not verified
        message.verify(DONE, bytes(live_host(connection, message).public))
    said = parse_done(message)
    with state.database.write() as connection:
        host = live_host(connection, message)
        if said.host != host.id:
            raise Forged("the message is about another host than its signer", subject=said.host)
        kept = message.to_bytes()
        if host.done is not None and bytes(host.done) != kept and host.state != JOINING:
            raise Exists("this host has joined already, with another repository", subject=host.name)
        now = state.now()
        if host.replaces and host.state == JOINING:
            take_over(connection, host, said)
        values = {"done": kept, "state": ACTIVE if host.state == JOINING else host.state}
        connection.execute(schema.host.update().where(schema.host.c.id == host.id).values(**values))
        operators = LAPTOP_LATE if host.profile == "laptop" else None
        ids = {one.name: one.id for one in said.repositories}
        bind_repositories(connection, str(host.id), plain_name(host.name), ids.values(), now)
        watches = load_watches(connection, [str(host.id)])[str(host.id)]
        for code, words in keep_schedules(watches, said.schedules, now, operators, ids).items():
            suspect(connection, str(host.id), code, now, words)
        write_watches(connection, [watches])
        return said


def live_host(connection: sa.Connection, message: SignedMessage) -> sa.Row[tuple[object, ...]]:
    """The host that signed, by its ID alone: the signature is still to be verified. Raises ``Missing``, ``Refused``."""
    row = _host(connection, message.signer)
    if row is None:
        raise Missing("no host with this key has joined", subject=message.signer, hint=ASK)
    if row.state == REVOKED:
        raise Refused("this host was revoked", subject=row.name, hint="An operator may invite it again.")
    if row.state == REPLACED:
        raise PlaceTaken(row.name)
    return row


class PlaceTaken(Refused):
    """The key's host is another machine now."""

    def __init__(self, name: str) -> None:
        words = "another machine has taken this host's place in the fleet"
        super().__init__(words, subject=plain_name(name), hint="If nobody replaced it, tell the server's operator now.")


def settle(state: FleetState, host: str, gateways: Sequence[EnrollingGateway]) -> None:
    """Have gateways end what the name of a host could do before the host had it. Raises what they raise. Idempotent."""
    table = schema.host
    with state.database.read() as connection:
        row = connection.execute(sa.select(table).where(table.c.id == host)).one()
    if row.settled or not row.places:
        return
    for one in gateways:
        one.settle(plain_name(row.name), host)
    with state.database.write() as connection:
        connection.execute(table.update().where(table.c.id == host).values(settled=1))


def _host(connection: sa.Connection, host: str) -> sa.Row[tuple[object, ...]] | None:
    return connection.execute(sa.select(schema.host).where(schema.host.c.id == host)).one_or_none()
