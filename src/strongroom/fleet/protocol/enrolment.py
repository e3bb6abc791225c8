"""Joining: three messages of the host's and one of the custodian's, each safe to send again.

``begin`` is signed by the host's new key and carries an HMAC by the ticket's secret; the answer carries one back, over
the request, so that neither side believes somebody in between. ``done`` and ``opened`` are signed alone.
"""

from __future__ import annotations

import hmac
from typing import Any

from strongroom.base.record import field, record
from strongroom.fleet.protocol.fields import Fields
from strongroom.fleet.protocol.gateway_claim import GatewayClaim, parse_claim
from strongroom.fleet.protocol.schedule_terms import ScheduleTerms, parse_schedule
from strongroom.fleet.protocol.signed import Forged, KeyPair, SignedMessage
from strongroom.fleet.protocol.strict_json import decode, encode
from strongroom.fleet.protocol.token import MOST_GATEWAYS, url_of

BEGIN = "enrol-begin"
DONE = "enrol-done"
OPENED = "enrol-opened"
OPEN, AWAITED, NOBODY = "opened", "awaited", "nobody"
"""How it stands with sealed keys, as the answer to ``done`` says: opened, or none was sealed; waiting; waiting,
and no custodian comes for them."""
GATEWAY_REFUSED = 424
"""The status of an answer where it was a gateway that refused a host."""
MOST_SOURCES = 64
MOST_ANSWER = 64 * 1024
_FROM_HOST = b"strongroom-enrol-begin-1\0"
_FROM_SERVER = b"strongroom-enrol-answer-1\0"


@record
class EnrolBegin:
    """The first message. ``name``: what the host wants to be called; ``version``: of its program; ``claim``: what
    gateways shall let it in by."""

    ticket: str
    key: bytes
    name: str
    version: str
    claim: GatewayClaim | None = None

    def _fields(self) -> dict[str, Any]:
        claim = None if self.claim is None else self.claim.to_document()
        named = {"ticket": self.ticket, "key": self.key.hex(), "name": self.name, "version": self.version}
        return named | {"claim": claim}

    def signed(self, pair: KeyPair, proof_key: bytes) -> SignedMessage:
        """The message: signed by the key that it names, with the proof that the sender has the ticket's secret."""
        plain = self._fields()
        return pair.sign(BEGIN, plain | {"proof": _proof(proof_key, _FROM_HOST, encode(plain))})


def parse_begin(message: SignedMessage) -> tuple[EnrolBegin, str]:
    """The message, whose signature by the key that it names verifies, and its proof, which is for ``check_begin``.

    Raises ``Damaged``, ``Forged`` or ``LimitExceeded``.
    """
    fields = Fields(message.document("the request to join"), "the request to join")
    key = bytes.fromhex(fields.hexadecimal("key", 32))
    claim = None if fields.absent("claim") else parse_claim(fields.inner("claim"), key)
    begin = EnrolBegin(fields.hexadecimal("ticket", 8), key, fields.name("name"), fields.text("version"), claim)
    proof = fields.hexadecimal("proof", 32)
    message.verify(BEGIN, key)
    return begin, proof


def check_begin(begin: EnrolBegin, proof: str, proof_key: bytes) -> None:
    """Raise ``Forged`` unless whoever made the proof has the secret of the ticket."""
    _check(proof, _proof(proof_key, _FROM_HOST, encode(begin._fields())), "the request")


@record
class GatewayAccess:
    """What a host may use of one gateway: the place of its repository. Its token is one that it made itself."""

    url: str
    user: str
    path: str
    token: str = field(default="", repr=False)


@record
class EnrolAnswer:
    """The answer to ``begin``. ``pending``: an operator must let the host in first; ask again later."""

    host: str
    name: str
    profile: str
    pending: bool
    gateways: tuple[GatewayAccess, ...]
    now: int

    def to_bytes(self, request: SignedMessage, proof_key: bytes) -> bytes:
        """The answer's body, with the proof that the server has the secret and heard this very request."""
        gateways = [{"url": one.url, "user": one.user, "path": one.path} for one in self.gateways]
        plain = {
            "host": self.host,
            "name": self.name,
            "profile": self.profile,
            "pending": self.pending,
            "gateways": gateways,
            "now": self.now,
        }
        return encode(plain | {"proof": _proof(proof_key, _FROM_SERVER, bytes.fromhex(request.sha256), encode(plain))})


def parse_enrol_answer(data: bytes, request: SignedMessage, proof_key: bytes) -> EnrolAnswer:
    """The answer to ``request``. Raises ``Damaged``, ``LimitExceeded``, or ``Forged`` when the server has no proof."""
    document = decode(data, MOST_ANSWER, "the server's answer")
    fields = Fields(document, "the server's answer")
    proof = fields.hexadecimal("proof", 32)
    plain = {name: value for name, value in document.items() if name != "proof"}
    _check(proof, _proof(proof_key, _FROM_SERVER, bytes.fromhex(request.sha256), encode(plain)), "the server")
    gateways = tuple(
        GatewayAccess(url_of(one, "url"), one.text("user"), one.text("path"))
        for one in fields.each("gateways", MOST_GATEWAYS)
    )
    return EnrolAnswer(
        fields.hexadecimal("host", 16),
        fields.name("name"),
        fields.text("profile"),
        fields.flag("pending"),
        gateways,
        fields.number("now"),
    )


@record
class EnrolledRepository:
    """A repository that the host made. ``seal``: SHA-256 of the sealed custody key, or empty without a custodian."""

    name: str
    url: str
    id: str
    keys: tuple[str, ...]
    seal: str

    def to_document(self) -> dict[str, Any]:
        """The object in ``done``."""
        return {"name": self.name, "url": self.url, "id": self.id, "keys": list(self.keys), "seal": self.seal}


@record
class EnrolDone:
    """The host's last word: what it made, and when it will back up."""

    host: str
    repositories: tuple[EnrolledRepository, ...]
    schedules: tuple[ScheduleTerms, ...]

    def signed(self, pair: KeyPair) -> SignedMessage:
        """The message."""
        repositories = [one.to_document() for one in self.repositories]
        schedules = [one.to_document() for one in self.schedules]
        return pair.sign(DONE, {"host": self.host, "repositories": repositories, "schedules": schedules})


def parse_done(message: SignedMessage) -> EnrolDone:
    """From a message whose signature was verified. Raises ``Damaged`` or ``LimitExceeded``."""
    fields = Fields(message.document("the end of joining"), "the end of joining")
    repositories = tuple(
        EnrolledRepository(
            one.name("name"),
            one.text("url", 500),
            one.hexadecimal("id", 32, empty=True),
            tuple(Fields({"keys": key}, "keys").hexadecimal("keys", 32) for key in one.texts("keys", 16)),
            one.hexadecimal("seal", 32, empty=True),
        )
        for one in fields.each("repositories", 16)
    )
    schedules = tuple(parse_schedule(one) for one in fields.each("schedules", MOST_SOURCES))
    return EnrolDone(fields.hexadecimal("host", 16), repositories, schedules)


@record
class CustodyOpened:
    """The custodian's word that a sealed key opens a repository that has exactly these key files."""

    host: str
    repository: str
    keys: tuple[str, ...]
    at: int

    def to_document(self) -> dict[str, Any]:
        """The body that the custodian signs as a message of the kind ``OPENED``."""
        return {"host": self.host, "repository": self.repository, "keys": list(self.keys), "at": self.at}


def parse_opened(message: SignedMessage) -> CustodyOpened:
    """From a message whose signature was verified. Raises ``Damaged`` or ``LimitExceeded``."""
    fields = Fields(message.document("the custodian's word"), "the custodian's word")
    keys = tuple(Fields({"keys": key}, "keys").hexadecimal("keys", 32) for key in fields.texts("keys", 16))
    return CustodyOpened(
        fields.hexadecimal("host", 16), fields.hexadecimal("repository", 32), keys, fields.number("at")
    )


def _proof(key: bytes, *parts: bytes) -> str:
    return hmac.digest(key, b"".join(parts), "sha256").hex()


def _check(proof: str, wanted: str, who: str) -> None:
    if not hmac.compare_digest(proof, wanted):
        raise Forged(
            f"{who} has no proof that it knows the ticket's secret",
            hint="The token is not of this server, was used up, or somebody stands between: ask for a new one.",
        )
