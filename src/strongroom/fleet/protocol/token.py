"""The token with which a host joins: ``sre1_`` and base64url of a card and a ticket.

The card is what the custodian vouches for, signed by it and good for 90 days; the ticket is the server's word that one
host, or so many, may join. A token is a secret: it comes from a file or standard input, never as an argument.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Any

from strongroom.base.errors import Damaged
from strongroom.base.record import field, record
from strongroom.fleet.protocol.fields import Fields
from strongroom.fleet.protocol.signed import Forged, SignedMessage, parse_signed, signer_id
from strongroom.fleet.protocol.strict_json import decode, encode

PREFIX = "sre1_"
CARD = "card"
"""The kind of the signed message that a card is."""
CARD_DAYS = 90
PROFILES = ("server", "laptop")
MOST_TOKEN = 32 * 1024
MOST_GATEWAYS = 8
_URL = re.compile(r"https?://[^\s/@?#\"'<>]+(?:/[^\s?#\"'<>]*)?\Z")
_PATTERN = re.compile(r"[a-z0-9*](?:[a-z0-9*._-]{0,61}[a-z0-9*])?\Z")
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z")


def url_of(fields: Fields, name: str) -> str:
    """A URL of HTTP or HTTPS without user, query and fragment. Raises ``Damaged``."""
    value = fields.text(name, 500)
    if not _URL.match(value):
        raise Damaged(f"`{name}` is no URL of HTTP or HTTPS without user, query and fragment")
    return value


@record
class CardGateway:
    """A gateway that hosts of a card back up to: its URL, its log's verifier key, and the path below which they may."""

    url: str
    log_key: str
    prefix: str
    quota: int
    """Bytes that each host may store; 0 for no limit."""


@record
class Card:
    """What the custodian vouches for. Times are seconds since 1970."""

    key: bytes
    """The custodian's public key, 32 bytes; its ID is what ``--custodian`` pins."""
    recipients: tuple[str, ...]
    """Age recipients that each custody key is sealed to: the custodian's and the kit's."""
    gateways: tuple[CardGateway, ...]
    made: int
    until: int

    def to_document(self) -> dict[str, Any]:
        """The body that the custodian signs as a message of the kind ``CARD``."""
        gateways = [
            {"url": one.url, "log_key": one.log_key, "prefix": one.prefix, "quota": one.quota} for one in self.gateways
        ]
        return {
            "key": self.key.hex(),
            "recipients": list(self.recipients),
            "gateways": gateways,
            "made": self.made,
            "until": self.until,
        }


def parse_card(message: SignedMessage, now: int | None = None) -> Card:
    """A verified card. ``now`` in seconds: it must not have ended. Raises ``Damaged``, ``Forged`` or ``LimitExceeded``.

    The card names its own key: only comparing that with a fingerprint from elsewhere says whose it is.
    """
    fields = Fields(message.document("the card"), "the card")
    gateways = tuple(
        CardGateway(url_of(one, "url"), one.text("log_key", 400), one.text("prefix"), one.number("quota"))
        for one in fields.each("gateways", MOST_GATEWAYS)
    )
    key = bytes.fromhex(fields.hexadecimal("key", 32))
    card = Card(key, fields.texts("recipients", 8), gateways, fields.number("made"), fields.number("until"))
    message.verify(CARD, key)
    if now is not None and now >= card.until:
        raise Damaged("the custodian's card has ended; the custodian makes a new one")
    return card


@record
class Ticket:
    """The server's word that somebody may join."""

    url: str
    """Where the server is."""
    pin: str
    """SHA-256 of its certificate as 64 hexadecimal digits, or nothing where the system's authorities decide."""
    id: str
    secret: str = field(repr=False)
    """256 random bits in base64url. The server keeps ``proof_key`` alone."""
    name: str
    """The name that the host gets, or a pattern with ``*`` that the name which it asks for must match."""
    profile: str
    until: int
    replace: bool = False
    """Whether the host takes the place of one that is there."""

    @property
    def proof_key(self) -> bytes:
        """The key of the proofs (HMAC): the SHA-256 of the secret."""
        return hashlib.sha256(self.secret.encode()).digest()


@record
class InvitationToken:
    """A card, which may be missing where there is no custodian yet, and a ticket."""

    card: SignedMessage | None
    ticket: Ticket

    def to_text(self) -> str:
        """The token as it is printed, at the only moment at which the server knows it."""
        one = self.ticket
        ticket = {
            "url": one.url,
            "pin": one.pin,
            "id": one.id,
            "secret": one.secret,
            "name": one.name,
            "profile": one.profile,
            "until": one.until,
            "replace": one.replace,
        }
        document = {"card": None if self.card is None else _text(self.card.to_bytes()), "ticket": ticket}
        return PREFIX + _text(encode(document))


def parse_token(text: str) -> InvitationToken:
    """A token as somebody pasted it; its card is not verified yet. Raises ``Damaged`` or ``LimitExceeded``.

    No error quotes any of it.
    """
    plain = "".join(text[: 2 * MOST_TOKEN].split())  # terminals and mails break lines
    if not plain.startswith(PREFIX):
        raise Damaged(
            "not a token of a fleet", hint=f"It begins with {PREFIX}, and `strongroom fleet invite` prints one."
        )
    document = decode(_bytes(plain.removeprefix(PREFIX)), MOST_TOKEN, "the token")
    fields = Fields(document, "the token")
    card = None if fields.absent("card") else parse_signed(_bytes(fields.text("card", MOST_TOKEN)))
    inner = fields.inner("ticket")
    pin = inner.hexadecimal("pin", 32, empty=True)
    name, secret = inner.text("name"), inner.text("secret")
    if not _PATTERN.match(name):
        raise Damaged("the token's `name` is neither a name nor a pattern")
    if not _SECRET.match(secret):
        raise Damaged("the token's secret is not what a server makes")
    ticket = Ticket(
        url_of(inner, "url"),
        pin,
        inner.hexadecimal("id", 8),
        secret,
        name,
        inner.one_of("profile", PROFILES),
        inner.number("until"),
        not inner.absent("replace") and inner.flag("replace"),
    )
    return InvitationToken(card, ticket)


def check_custodian(card: Card, fingerprint: str) -> None:
    """Raise ``Forged`` unless the card's signer is who was pinned, by the 32 digits of ``parse_words``."""
    if signer_id(card.key) != fingerprint:
        raise Forged(
            "the card in the token was signed by another custodian than --custodian says",
            hint="Do not go on: whoever made this token would be given the keys of this host's backups.",
        )


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    if len(text) > 2 * MOST_TOKEN:
        raise Damaged("the token is too long")
    try:
        return base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Damaged("the token is cut off, or was changed on its way") from None
