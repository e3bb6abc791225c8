"""Tickets: the server's word that somebody may join. Of a secret only the hash is kept."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import ConfigurationError, Refused
from strongroom.fleet.protocol.token import InvitationToken, Ticket
from strongroom.fleet.server.schemas import main as schema

if TYPE_CHECKING:
    from strongroom.fleet.protocol.signed import SignedMessage
    from strongroom.fleet.server.state import FleetState

LONGEST_MINUTES = 7 * 24 * 60
MOST_USES = 500


@dataclass(frozen=True, slots=True)
class KnownTicket:
    """A ticket as the server keeps it."""

    id: str
    proof_key: bytes
    name: str
    profile: str
    uses: int
    until: int
    replaces: str = ""
    """The ID of the host whose place is taken; empty for a new one."""


def invite(
    state: FleetState,
    name: str,
    profile: str,
    url: str,
    pin: str,
    *,
    minutes: int,
    uses: int,
    card: SignedMessage | None,
    replace: bool = False,
) -> InvitationToken:
    """A token that lets ``uses`` hosts join whose names match ``name``, for so many minutes. With ``replace`` the host
    takes the place of the one of this name.

    Raises ``ConfigurationError`` for what no token may be.
    """
    if not 1 <= minutes <= LONGEST_MINUTES:
        raise ConfigurationError("a token lives between a minute and 7 days", subject=f"{minutes} minutes")
    if not 1 <= uses <= MOST_USES:
        raise ConfigurationError(f"a token lets between 1 and {MOST_USES} hosts join", subject=str(uses))
    if uses > 1 and "*" not in name:
        raise ConfigurationError(
            "several hosts cannot have one name", subject=name, hint="Give a pattern, such as `web*`."
        )
    secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    now = state.now()
    made = Ticket(url, pin, secrets.token_hex(8), secret, name, profile, now + minutes * 60, replace)
    row = {
        "id": made.id,
        "proof_key": hashlib.sha256(secret.encode()).digest(),
        "name": name,
        "profile": profile,
        "uses": uses,
        "made": now,
        "until": made.until,
        "card": None if card is None else card.to_bytes(),
    }
    with state.database.write() as connection:
        found = connection.execute(sa.select(schema.host).where(schema.host.c.name == name)).one_or_none()
        if replace and (found is None or not found.public):
            hint = "Invite it without --replace." if found is None else _known_by_receipts(name)
            raise ConfigurationError("there is no such host to be replaced", subject=name, hint=hint)
        if not replace and found is not None and found.state != "revoked":
            raise ConfigurationError(
                "there is a host of this name already",
                subject=name,
                hint=_how_else(found),
            )
        row |= {"replaces": found.id, "profile": found.profile} if replace and found is not None else {}
        connection.execute(schema.ticket.insert(), row)
    return InvitationToken(card, made)


def _how_else(host: sa.Row[tuple[object, ...]]) -> str:
    if not host.public:
        return _known_by_receipts(host.name)
    if host.done is None:
        return f"It began to join: the same command goes on there. Or first `strongroom fleet revoke {host.name}`."
    return "With --replace a reinstalled or another machine takes its place. Or choose another name."


def _known_by_receipts(name: str) -> str:
    return f"It is known by its receipts alone: choose another name, or first `strongroom fleet revoke {name}`."


def find_ticket(connection: sa.Connection, ticket: str, *, lock: bool = False) -> KnownTicket | None:
    """The ticket with this ID, whether it still counts or not; with ``lock`` for whoever is about to use it up."""
    query = sa.select(schema.ticket).where(schema.ticket.c.id == ticket)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        return None
    return KnownTicket(row.id, bytes(row.proof_key), row.name, row.profile, row.uses, row.until, row.replaces)


def check_name(ticket: KnownTicket, name: str) -> None:
    """Raise ``Refused`` unless the ticket is for this name."""
    if not fnmatchcase(name, ticket.name):
        raise Refused(
            f"this token is for a host called `{ticket.name}`",
            subject=name,
            hint="Join with --name, or ask for another.",
        )
